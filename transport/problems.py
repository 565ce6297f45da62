"""Errors as the client sees them: ``application/problem+json``.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


class Problem(Exception):
    """Ends a request with ``status``; ``detail`` is one sentence that names the field and the fix."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def unavailable(reason: str, retry_after_s: float) -> Problem:
    """Return the answer to a request that the same client may repeat later."""
    headers = {"Retry-After": str(max(1, round(retry_after_s)))}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, headers)


def problem_body(status: HTTPStatus, detail: str) -> bytes:
    """Return the JSON of a problem; ``type`` is ``about:blank``, as the status says it all."""
    return msgspec.json.encode(
        {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    )


def problem_response(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for a problem."""
    return Response(problem_body(status, detail), status.value, headers, "application/problem+json")


async def on_problem(_request: Request, error: Exception) -> Response:
    """Answer a raised ``Problem``."""
    assert isinstance(error, Problem)
    return problem_response(error.status, error.detail, error.headers)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer Starlette's own errors: a wrong path, a wrong method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible at {request.url.path}.",
    }.get(status, error.detail)
    return problem_response(status, detail, error.headers)


async def on_bug(_request: Request, _error: Exception) -> Response:
    """Answer an error of ours; its trace is in the log."""
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "An error in syncd; it has been logged.")
