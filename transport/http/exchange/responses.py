"""What HTTP clients get: responses that are no problems, in JSON."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from actors.messages.change import Change, PlayState, RegisterAction, ShownData, WatchlistAction, shown_data
from actors.messages.content_ids import ContentId
from actors.messages.device_registers import time_text
from actors.messages.journal import Outcome, Status
from actors.messages.journal_reads import Changes, Item, Page, RegisterPage
from actors.messages.progress import is_watched, percent_of
from actors.messages.registers import RegisterUpdate
from crdt.hlc import HLCTimestamp
from transport.http.exchange.requests import DeviceOperation, ProgressOperation
from transport.wire.problems import QUOTA_EXCEEDED
from transport.wire.query import cursor_of

Revision = Annotated[int, Meta(ge=0)]

JSON_TYPE: Final = "application/json"

_ENCODER: Final = msgspec.json.Encoder()


class WriteResponse(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Answer to one write; without ``revision`` nothing had to change. ``detail``: why it was refused.

    ``code``: ``quota_exceeded``, if it was refused because of a limit; ``field``: the part of the write to blame.
    ``collection``: in a bulk, of what was not a write to a list.
    """

    success: bool
    operation: WatchlistAction | RegisterAction | None = None
    collection: str | None = None
    content_id: ContentId | None = None
    device_id: str | None = None
    status: Status
    unique_tag: str | None = None
    timestamp: HLCTimestamp | None = None
    revision: Revision | None = None
    detail: str | None = None
    code: str | None = None
    field: str | None = None


class ProgressResponse(Struct, frozen=True, kw_only=True):
    """Answer to one write of progress: what is there now, of which nothing is left after a remove."""

    success: bool
    content_id: ContentId
    status: Status
    position_seconds: int | float
    completion_percent: float
    timestamp: HLCTimestamp
    revision: Revision
    watched: bool


class BulkResponse(Struct, frozen=True):
    """One result for each operation, in the same order."""

    results: list[WriteResponse]


class ListedItem(Struct, frozen=True, omit_defaults=True):
    """One content of a list."""

    content_id: ContentId
    added_at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    device_id: str
    data: ShownData = None
    position: str | None = None


class WatchlistPage(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The watchlist at one revision, newest first; ``next``: the cursor of the page after this one.

    ``reason``: why the list is given, when changes were asked for.
    """

    revision: Revision
    epoch: str
    items: list[ListedItem]
    next: str | None = None
    reason: str | None = None


class WatchlistChanges(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happened after the revision asked for, in order, up to ``revision``; ``has_more``: go on from there."""

    revision: Revision
    epoch: str
    changes: list[msgspec.Raw]
    """A ``WatchlistUpdate`` each, as the store has encoded it."""
    has_more: bool = False


class ListedProgress(Struct, frozen=True):
    """How far one content was played; a ``duration_seconds`` of 0 is not known."""

    content_id: ContentId
    position_seconds: int | float
    duration_seconds: int | float
    state: PlayState
    watched: bool
    completion_percent: float
    updated_at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    device_id: str


class ProgressPage(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was played, newest play first; ``next``: the cursor of the page after this one.

    What has changed after ``revision``, that of the first page, is not in later ones: ask for it with ``since``.
    ``reason``: why it is given, when changes were asked for.
    """

    revision: Revision
    epoch: str
    items: list[ListedProgress]
    next: str | None = None
    reason: str | None = None


class LastActivities(Struct, frozen=True, omit_defaults=True):
    """The revision of each kind of data; of ``lists`` by what they are called. What there is none of is left out.

    Devices are left out: one that only connects changes them, and apps that know of none compare these bytes.
    """

    watchlist: Revision
    epoch: str
    lists: dict[str, Revision] | None = None
    progress: Revision = 0


class NamedList(Struct, frozen=True):
    """One of a user's lists beside the watchlist: ``list`` in paths and messages, ``name`` for people."""

    list: str
    name: str
    revision: Revision


class ListsResponse(Struct, frozen=True):
    """A user's lists beside the watchlist, by ``list``."""

    epoch: str
    lists: tuple[NamedList, ...]


class ListedDevice(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One of a user's devices. If nobody has named it, its name is its id."""

    device_id: str
    device_type: str
    platform: str
    is_online: bool
    last_seen: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    device_name: str
    capabilities: ShownData = None


class DevicesResponse(Struct, frozen=True):
    """A user's devices, by their ids."""

    devices: tuple[ListedDevice, ...]
    total: int


class CommandResponse(Struct, frozen=True, kw_only=True):
    """The device was told; ``status`` as in the ``ack`` of a command over a WebSocket."""

    success: bool
    target_device_id: str
    command_type: str
    status: Literal["sent"]


class HandoffResponse(Struct, frozen=True, kw_only=True):
    """The device was told to go on; ``position_seconds`` is ``None`` if nobody knows it."""

    success: bool
    target_device_id: str
    content_id: ContentId
    position_seconds: float | None


class Health(Struct, frozen=True):
    """The process is alive."""

    status: Literal["healthy"]
    service: str
    version: str


class Readiness(Struct, frozen=True):
    """Whether the service can do its work; ``problems``: what cannot, and why."""

    status: Literal["ready", "not ready"]
    problems: dict[str, str]


def json_response(body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """Return the response with this body."""
    return Response(json_body(body), status.value, headers, JSON_TYPE)


def json_body(body: object) -> bytes:
    """Return ``body`` as JSON."""
    return _ENCODER.encode(body)


def write_response(change: Change, outcome: Outcome) -> WriteResponse:
    """Return the answer for ``outcome``."""
    update = outcome.update
    return WriteResponse(
        success=outcome.status not in (Status.REFUSED, Status.NOT_FOUND),
        operation=change.action,
        content_id=change.content_id,
        status=outcome.status,
        unique_tag=update.tags[0] if update else None,
        timestamp=update.timestamp if update else None,
        revision=update.revision if update else None,
        detail=outcome.reason,
        code=QUOTA_EXCEEDED if outcome.exceeds_quota else None,
        field=outcome.field,
    )


def register_response(operation: ProgressOperation | DeviceOperation, outcome: Outcome) -> WriteResponse:
    """Return the answer for ``outcome``, in a bulk."""
    return WriteResponse(
        success=outcome.status not in (Status.REFUSED, Status.NOT_FOUND),
        operation=operation.operation,
        collection=operation.collection,
        content_id=operation.content_id if isinstance(operation, ProgressOperation) else None,
        device_id=operation.device_id if isinstance(operation, DeviceOperation) else None,
        status=outcome.status,
        timestamp=outcome.timestamp,
        revision=outcome.revision,
        detail=outcome.reason,
        code=QUOTA_EXCEEDED if outcome.exceeds_quota else None,
        field=outcome.field,
    )


def progress_response(outcome: Outcome) -> ProgressResponse:
    """Return the answer for ``outcome``, which says what is there."""
    update = outcome.register
    assert update is not None
    values = update.values
    return ProgressResponse(
        success=True,
        content_id=update.key,
        status=outcome.status,
        position_seconds=values.get("position", 0),
        completion_percent=percent_of(values),
        timestamp=outcome.timestamp or update.timestamp,
        revision=update.revision,
        watched=is_watched(values),
    )


def watchlist_page(page: Page, reason: str | None) -> WatchlistPage:
    """Return the answer for a page; ``reason``: why it is given, when changes were asked for."""
    return WatchlistPage(
        revision=page.revision,
        epoch=page.epoch,
        items=[_listed(item) for item in page.items],
        next=None if page.after is None else cursor_of(page.after),
        reason=reason,
    )


def progress_page(page: RegisterPage, reason: str | None) -> ProgressPage:
    """Return the answer for a page of progress; ``reason``: as of ``watchlist_page``."""
    return ProgressPage(
        revision=page.revision,
        epoch=page.epoch,
        items=[_listed_progress(update) for update in page.items],
        next=None if page.after is None else cursor_of(page.after),
        reason=reason,
    )


def watchlist_changes(changes: Changes) -> WatchlistChanges:
    """Return the answer for changes."""
    return WatchlistChanges(
        revision=changes.revision,
        epoch=changes.epoch,
        changes=[msgspec.Raw(update) for update in changes.updates],
        has_more=changes.has_more,
    )


def _listed(item: Item) -> ListedItem:
    data = shown_data(item.data)
    return ListedItem(item.content_id, time_text(item.timestamp.physical), item.device_id, data, item.position)


def _listed_progress(update: RegisterUpdate) -> ListedProgress:
    values = update.values
    return ListedProgress(
        content_id=update.key,
        position_seconds=values["position"],
        duration_seconds=values.get("duration", 0),
        state=values["state"],
        watched=is_watched(values),
        completion_percent=percent_of(values),
        updated_at=time_text(update.timestamp.physical),
        device_id=update.device_id,
    )
