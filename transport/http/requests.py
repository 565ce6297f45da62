"""What HTTP clients send: tokens, bodies, their limits, their errors."""

import re
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from transport.access.authentication import Authenticator, Claims
from transport.access.bearer import bearer_token, unauthorized
from transport.errors import Problem, SigningKeyMissing, TokenRefused
from transport.http.app import HttpRequest

T = TypeVar("T")

MAX_WRITE_BYTES: Final = 16 * 1024
MAX_BULK_BYTES: Final = 512 * 1024
MAX_BULK_OPERATIONS: Final = 500

_JSON: Final = b"application/json"
_READ_AS_JSON: Final = frozenset(
    {"", "text/plain", "text/json", "application/octet-stream", "application/x-www-form-urlencoded"}
)
"""What clients say of JSON when nobody told them better; the last is curl's."""
_UTF_8: Final = re.compile(r"charset\s*=\s*\"?(utf-?8|us-ascii)\"?\s*(;|$)", re.IGNORECASE)


class BulkRequest(Struct, frozen=True):
    """Body of ``POST /api/v1/sync/operations``; each operation is judged alone."""

    operations: Annotated[list[msgspec.Raw], Meta(max_length=MAX_BULK_OPERATIONS)]


async def authenticated(request: HttpRequest, authenticator: Authenticator) -> Claims:
    """Return what the request's token says. Raises: Problem, a 401."""
    token = bearer_token(request.headers.get(b"authorization", b"").decode("latin-1"))
    try:
        try:
            return authenticator.authenticate(token)
        except SigningKeyMissing:
            return await authenticator.authenticate_fetching(token)
    except TokenRefused as refused:
        raise unauthorized(str(refused)) from None


def traceparent(request: HttpRequest) -> str | None:
    """Return the header ``traceparent`` as it was sent; sent twice it is a list, which is no valid one."""
    return request.header(b"traceparent") if b"traceparent" in request.headers else None


async def read_body(request: HttpRequest, max_bytes: int) -> bytes:
    """Return the body, which must be JSON as far as its headers say.

    Raises:
        Problem: 413, as soon as more than ``max_bytes`` are announced or sent; 415, when it is something else.
        ClientGone: it broke off.
    """
    content_type = request.headers.get(b"content-type", b"")
    if content_type != _JSON:
        _check_media_type(content_type.decode("latin-1"))
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        detail = "Content-Encoding: the body must not be compressed."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept-Encoding": "identity"})
    if int(request.headers.get(b"content-length", b"0")) > max_bytes:  # the parser lets only numbers through
        raise _too_large(max_bytes)
    body, has_more = await request.chunk()
    if has_more or len(body) > max_bytes:
        collected = bytearray(body)
        while has_more and len(collected) <= max_bytes:
            chunk, has_more = await request.chunk()
            collected += chunk
        if len(collected) > max_bytes:
            raise _too_large(max_bytes)
        body = bytes(collected)
    return body


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Return the decoded body.

    Raises:
        Problem: 400; the detail names the field.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not as documented: {error}.") from None


def _check_media_type(content_type: str) -> None:
    media_type, _, parameters = (part.strip() for part in content_type.lower().partition(";"))
    if media_type not in _READ_AS_JSON and media_type != _JSON.decode() and not media_type.endswith("+json"):
        raise _not_json(f"the body must be application/json, not {media_type}")
    if "charset" in parameters and not _UTF_8.search(parameters):
        raise _not_json("JSON is UTF-8 here, leave the charset out")


def _not_json(expected: str) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: {expected}.", {"Accept": _JSON.decode()})


def _too_large(max_bytes: int) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {max_bytes} bytes.")
