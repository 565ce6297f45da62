"""What HTTP clients send: tokens, bodies, their limits, their errors."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, ClassVar, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from actors.messages.change import Change
from actors.messages.collections import (
    DEVICES,
    LIST_PATTERN,
    LIST_RULE,
    PROGRESS,
    WATCHLIST,
    ListId,
    collection_of_list,
)
from actors.messages.content_ids import ContentId
from actors.messages.device_registers import DeviceChange
from actors.messages.devices import DeviceFields
from actors.messages.names import Name
from actors.messages.progress import ProgressChange
from transport.access.authentication import Authenticator, Claims
from transport.access.bearer import bearer_token, token_problem
from transport.errors import KeysUnavailable, Problem, SigningKeyMissing, TokenRefused
from transport.http.exchange.app import HttpRequest
from transport.http.http1.request_head import RequestHead
from transport.wire.spellings import FieldRefused, refused_by_rule

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


_LIST_ID: Final = re.compile(LIST_PATTERN)


class ListRequest(Struct, frozen=True):
    """Body of ``PUT /api/v1/sync/lists/{list}``."""

    name: Name


class DeviceRequest(DeviceFields, frozen=True, kw_only=True):
    """Body of ``PUT /api/v1/devices/{device_id}``: what is to be changed."""


class HandoffRequest(Struct, frozen=True):
    """Body of ``POST /api/v1/devices/handoff``."""

    target_device_id: Name
    content_id: ContentId


class BulkOperation(Change, frozen=True, kw_only=True):
    """One of a bulk: a change of the watchlist, or of ``list``."""

    list: ListId | None = None

    @property
    def collection(self) -> str:
        """What it changes."""
        return WATCHLIST if self.list is None else collection_of_list(self.list)


class ProgressOperation(ProgressChange, frozen=True, kw_only=True, tag=PROGRESS, tag_field="collection"):
    """One of a bulk: a change of progress."""

    collection: ClassVar[str] = PROGRESS
    """What it changes."""


class DeviceOperation(DeviceChange, frozen=True, kw_only=True, tag=DEVICES, tag_field="collection"):
    """One of a bulk: a change of what is known of a device."""

    collection: ClassVar[str] = DEVICES
    """What it changes."""


class BulkRequest(Struct, frozen=True):
    """Body of ``POST /api/v1/sync/operations``; each operation is judged alone."""

    operations: Annotated[list[msgspec.Raw], Meta(max_length=MAX_BULK_OPERATIONS)]


def collection_named(list_id: str) -> str:
    """Return the collection that a path names as a list. Raises: Problem, a 400: no list is called so."""
    if not _LIST_ID.fullmatch(list_id):
        raise Problem(HTTPStatus.BAD_REQUEST, f"list: must be {LIST_RULE}.")
    return collection_of_list(list_id)


def claims_of(head: RequestHead, authenticator: Authenticator) -> Claims:
    """Return what the request's token says.

    Raises:
        Problem: 401; 400, there are several.
        SigningKeyMissing: its key is not known here, ``authenticated`` may still find it.
    """
    token = _token(head)
    try:
        return authenticator.authenticate(token)
    except SigningKeyMissing:
        raise
    except TokenRefused as refused:
        raise token_problem(refused) from None


def check_token_again(head: RequestHead, authenticator: Authenticator) -> None:
    """Check that the token of a request, which was accepted with its head, still is when the body has come.

    Raises:
        Problem: 401, it has ended or was revoked, or its key is withdrawn.
    """
    try:
        claims_of(head, authenticator)
    except SigningKeyMissing as missing:
        raise token_problem(missing) from None


async def authenticated(head: RequestHead, authenticator: Authenticator) -> Claims:
    """Return what the request's token says; fetches the issuer's keys first if need be.

    Raises:
        Problem: as ``claims_of``; 503, nobody can say whether it is valid.
    """
    return await claims_of_token(_token(head), authenticator)


async def claims_of_token(token: str, authenticator: Authenticator) -> Claims:
    """Return what ``token`` says, as ``authenticated``. Raises: Problem, 401 or 503."""
    try:
        return authenticator.authenticate(token)
    except SigningKeyMissing as missing:
        try:
            return await authenticator.authenticate_fetching(token, missing)
        except (TokenRefused, KeysUnavailable) as error:
            raise token_problem(error) from None
    except TokenRefused as refused:
        raise token_problem(refused) from None


def traceparent(head: RequestHead) -> str | None:
    """Return the header ``traceparent`` as it was sent; sent twice it is a list, which is no valid one."""
    return head.header(b"traceparent") if b"traceparent" in head.headers else None


def check_body_head(head: RequestHead, max_bytes: int) -> None:
    """Check what the headers say of the body: it must be JSON, plain, and of at most ``max_bytes``.

    Raises:
        Problem: 413, more is announced; 415, it is something else; 501, it is encoded for the transfer.
    """
    content_type = head.headers.get(b"content-type", b"")
    if content_type != _JSON:
        _check_media_type(content_type.decode("latin-1"))
    if head.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        detail = "Content-Encoding: the body must not be compressed."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept-Encoding": "identity"})
    if b"transfer-encoding" in head.headers and head.header(b"transfer-encoding").strip().lower() != "chunked":
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding: the body may be chunked, and nothing else.")
    check_body_size(int(head.headers.get(b"content-length", b"0")), max_bytes)  # the parser lets only numbers through


def check_body_size(size_bytes: int, max_bytes: int) -> None:
    """Check how much of a body was announced or sent. Raises: Problem, a 413."""
    if size_bytes > max_bytes:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {max_bytes} bytes.")


async def read_body(request: HttpRequest, max_bytes: int, authenticator: Authenticator | None = None) -> bytes:
    """Return the body.

    Args:
        request: whose.
        max_bytes: at most.
        authenticator: has accepted its token, which may end before the body has come.

    Raises:
        Problem: as ``check_body_head`` and ``check_token_again``, and 413 as soon as more than ``max_bytes`` are sent.
        ClientGone: it broke off.
    """
    check_body_head(request, max_bytes)
    body, has_more = await request.chunk()
    collected = bytearray(body)
    check_body_size(len(collected), max_bytes)
    while has_more:
        chunk, has_more = await request.chunk()
        collected += chunk
        check_body_size(len(collected), max_bytes)
    if authenticator is not None:
        check_token_again(request, authenticator)
    return bytes(collected)


def decode(read: Callable[[bytes], T], body: bytes) -> T:
    """Return what ``read``, a decoder's method, makes of the body; a byte order mark before it is ignored.

    Raises:
        Problem: 400; the detail names the field.
    """
    try:
        return read(body)
    except FieldRefused as refused:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{refused}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if body.startswith(BOM_UTF8) and not body.startswith(BOM_UTF8, len(BOM_UTF8)):
            return decode(read, body.removeprefix(BOM_UTF8))  # RFC 8259 section 8.1 allows it
        if isinstance(error, msgspec.DecodeError) and (refusal := refused_by_rule(error)) is not None:
            raise Problem(HTTPStatus.BAD_REQUEST, f"{refusal}.") from None
        reason = "JSON is UTF-8 here, and this is UTF-16 or UTF-32" if _is_wide(body) else str(error)
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not as documented: {reason}.") from None


def _is_wide(body: bytes) -> bool:
    """Return whether a character has two or four bytes, as in what PowerShell 5 writes to a file."""
    return body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in body[:2]


def _token(head: RequestHead) -> str:
    if head.is_repeated(b"authorization"):
        raise Problem(HTTPStatus.BAD_REQUEST, "Send one token, not several.")
    return bearer_token(head.headers.get(b"authorization", b"").decode("latin-1"))


def _check_media_type(content_type: str) -> None:
    media_type, _, parameters = (part.strip() for part in content_type.lower().partition(";"))
    if media_type not in _READ_AS_JSON and media_type != _JSON.decode() and not media_type.endswith("+json"):
        raise _not_json(f"the body must be application/json, not {media_type}")
    if "charset" in parameters and not _UTF_8.search(parameters):
        raise _not_json("JSON is UTF-8 here, leave the charset out")


def _not_json(expected: str) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: {expected}.", {"Accept": _JSON.decode()})
