"""Errors as the client sees them: ``application/problem+json``.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from transport.errors import Problem

PROBLEM_TYPE: Final = "application/problem+json"

QUOTA_EXCEEDED: Final = "quota_exceeded"
"""The code of whatever is refused because of a limit."""


OUR_ERROR: Final = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "An error in syncd; it has been logged.")
"""The answer to a request that ended in an error of ours; whoever sends it logs the error."""


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """Why a request had no effect: ``detail`` names the field and the fix, ``code`` and ``field`` are for programs.

    ``error`` says what ``detail`` does: apps of the documented service look for it there.
    """

    type: str = "about:blank"  # the status says it all
    title: str
    status: int
    detail: str
    error: str
    code: str | UnsetType = UNSET
    field: str | UnsetType = UNSET


def unavailable(reason: str, retry_after_s: float, code: str | None = None) -> Problem:
    """Return the answer to a request that the same client may repeat later."""
    headers = {"Retry-After": str(max(1, round(retry_after_s)))}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, headers, code=code)


def problem_body(problem: Problem) -> bytes:
    """Return the JSON of ``problem``."""
    details = ProblemDetails(
        title=problem.status.phrase,
        status=problem.status.value,
        detail=problem.detail,
        error=problem.detail,
        code=problem.code or UNSET,
        field=problem.field or UNSET,
    )
    return msgspec.json.encode(details)


def problem_response(problem: Problem) -> Response:
    """Return the response for a problem."""
    body = problem_body(problem)
    return Response(body, problem.status.value, problem.headers, PROBLEM_TYPE)


def refusal(problem: Problem) -> bytes:
    """Return ``problem`` as a whole HTTP response that ends the connection."""
    body = problem_body(problem)
    headers = {
        "Content-Type": PROBLEM_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(problem.headers or {}),
    }
    lines = [f"HTTP/1.1 {problem.status.value} {problem.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
