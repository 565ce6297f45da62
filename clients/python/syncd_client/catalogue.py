"""Which lists a user has beside the watchlist, and what they are called: plain requests over HTTP.

They are answered by the service alone: nothing of them is stored or repeated here.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from syncd_client.problem import read_problem

PATH: Final = "/api/v1/sync/lists"
TIMEOUT_S: Final = 30.0

T = TypeVar("T")


class NamedList(Struct, frozen=True):
    """One list beside the watchlist; ``name`` is for people."""

    list: str
    name: str
    revision: int


class RequestFailedError(Exception):
    """The service was not reached, or did not do what it was asked for. ``status``: of its answer, if one came."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Answer(Struct, frozen=True):
    """What came back: a status, the ``Content-Type``, and the body."""

    status: int
    content_type: str | None
    body: bytes


Ask = Callable[[str, str, bytes | None], Awaitable[Answer]]
"""Sends a request of the user who is signed in: method, path, JSON to send.

Raises: NotSignedInError; RequestFailedError, there was no answer.
"""


class _Lists(Struct):
    lists: tuple[NamedList, ...]


async def lists(ask: Ask) -> tuple[NamedList, ...]:
    """Return the user's lists.

    Raises:
        RequestFailedError: they cannot be had now.
    """
    return _decoded(await ask("GET", PATH, None), _Lists).lists


async def rename(ask: Ask, list_id: str, name: str) -> NamedList:
    """Name a list, which is created if it is not there.

    Raises:
        RequestFailedError: the service refuses it, or cannot do it now.
    """
    return _decoded(await ask("PUT", f"{PATH}/{list_id}", msgspec.json.encode({"name": name})), NamedList)


async def delete(ask: Ask, list_id: str) -> None:
    """Delete a list, if there is one.

    Raises:
        RequestFailedError: the service cannot do it now.
    """
    answer = await ask("DELETE", f"{PATH}/{list_id}", None)
    problem = read_problem(answer.status, answer.content_type, answer.body)
    is_gone = answer.status == HTTPStatus.NOT_FOUND and problem is not None
    if answer.status != HTTPStatus.NO_CONTENT and not is_gone:
        raise _failure(answer)


def _decoded(answer: Answer, wanted: type[T]) -> T:
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise _failure(answer)
    try:
        return msgspec.json.decode(answer.body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestFailedError(f"the answer is not the service's: {error}", answer.status) from None


def _failure(answer: Answer) -> RequestFailedError:
    problem = read_problem(answer.status, answer.content_type, answer.body)
    return RequestFailedError(problem or f"answered with status {answer.status}", answer.status)
