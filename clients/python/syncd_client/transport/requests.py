"""Plain requests over HTTP beside the connection: the answer, and why one has failed."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from syncd_client.transport.problem import problem_of

TIMEOUT_S: Final = 30.0

T = TypeVar("T")


class RequestFailedError(Exception):
    """The service was not reached, or did not do what it was asked to.

    ``status``: that of its answer, if one came. ``code``: the service's name for the reason, if it has one, such as
    ``device_offline``.
    """

    def __init__(self, reason: str, status: int | None = None, code: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


class Answer(Struct, frozen=True):
    """What came back: a status, the ``Content-Type``, and the body."""

    status: int
    content_type: str | None
    body: bytes


Ask = Callable[[str, str, bytes | None], Awaitable[Answer]]
"""Sends a request of the user who is signed in: method, path, JSON to send.

Raises: NotSignedInError; RequestFailedError, there was no answer.
"""


def decoded(answer: Answer, wanted: type[T]) -> T:
    """Return what a good answer says.

    Raises:
        RequestFailedError: it is not a good one.
    """
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise failure(answer)
    try:
        return msgspec.json.decode(answer.body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestFailedError(f"the answer is not the service's: {error}", answer.status) from None


def failure(answer: Answer) -> RequestFailedError:
    """Return why a request has failed."""
    problem = problem_of(answer.status, answer.content_type, answer.body)
    if problem is None:
        return RequestFailedError(f"answered with status {answer.status}", answer.status)
    return RequestFailedError(problem.detail, answer.status, problem.code)
