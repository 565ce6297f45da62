"""What HTTP clients send and get: bodies, their limits, their errors."""

from http import HTTPStatus
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request

from actors.connection_messages import DeviceWrite
from actors.device_messages import Name
from actors.journal_messages import Outcome, Status, Tell
from actors.sync_messages import WatchlistAction
from crdt.hlc import HLCTimestamp
from transport.authentication import Claims
from transport.problems import Problem

T = TypeVar("T")

MAX_WRITE_BYTES = 16 * 1024
MAX_BULK_BYTES = 512 * 1024
MAX_BULK_OPERATIONS = 500


class WriteRequest(Struct, frozen=True):
    """Body of ``POST /api/v1/sync/watchlist``, and one entry of a bulk."""

    operation: WatchlistAction
    content_id: UUID
    operation_id: Name | None = None
    tag: Name | None = None
    observed: Annotated[int, Meta(ge=0)] | None = None
    timestamp: HLCTimestamp | None = None

    def write(self, claims: Claims, answer: Tell[Outcome]) -> DeviceWrite:
        """Return the message for the user's ``WatchlistSync``."""
        return DeviceWrite(
            user_id=claims.user_id,
            device_id=claims.device_id,
            action=self.operation,
            content_id=str(self.content_id),
            answer=answer,
            operation_id=self.operation_id,
            tag=self.tag,
            observed=self.observed,
            timestamp=self.timestamp,
        )


class BulkRequest(Struct, frozen=True):
    """Body of ``POST /api/v1/sync/operations``; each operation is judged alone."""

    operations: Annotated[list[msgspec.Raw], Meta(max_length=MAX_BULK_OPERATIONS)]


class WriteResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Answer to one write; without ``revision`` nothing had to change. ``detail``: why it was refused."""

    success: bool
    operation: WatchlistAction | None = None
    content_id: str | None = None
    status: Status
    unique_tag: str | None = None
    timestamp: HLCTimestamp | None = None
    revision: int | None = None
    detail: str | None = None


def write_response(request: WriteRequest, outcome: Outcome) -> WriteResponse:
    """Return the answer for ``outcome``."""
    update = outcome.update
    return WriteResponse(
        success=outcome.status not in (Status.REFUSED, Status.NOT_FOUND),
        operation=request.operation,
        content_id=str(request.content_id),
        status=outcome.status,
        unique_tag=update.tags[0] if update else None,
        timestamp=update.timestamp if update else None,
        revision=update.revision if update else None,
        detail=outcome.reason,
    )


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body.

    Raises:
        Problem: 413, as soon as more than ``max_bytes`` are announced or sent.
    """
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {max_bytes} bytes.")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Return the decoded body.

    Raises:
        Problem: 400; the detail names the field.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is not as documented: {error}.") from None


def since_parameter(request: Request) -> int | None:
    """Return ``?since=N``.

    Raises:
        Problem: 400 if it is not a revision.
    """
    text = request.query_params.get("since")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise Problem(HTTPStatus.BAD_REQUEST, "since: must be a revision, a whole number from 0.")
    return int(text)
