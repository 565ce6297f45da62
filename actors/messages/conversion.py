"""A change in its other forms, each made here and nowhere else: the channel's message, and what devices are shown."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct, structs

from actors.messages.change import AuthorStamp, Change, shown_data
from actors.messages.channel import (
    PubNubDeviceUpdate,
    PubNubListUpdate,
    PubNubProgressUpdate,
    PubNubUpdate,
    PubNubWatchlistUpdate,
)
from actors.messages.collections import (
    DEVICES,
    PROGRESS,
    WATCHLIST,
    collection_in,
    collection_of_list,
    list_in,
    list_of,
)
from actors.messages.content_ids import ContentIds
from actors.messages.device import (
    ListSnapshot,
    ListSnapshotPiece,
    SnapshotItem,
    WatchlistSnapshot,
    WatchlistSnapshotPiece,
)
from actors.messages.journal import AnyUpdate
from actors.messages.journal_reads import Page, RegisterPage, SnapshotPage
from actors.messages.register_kinds import REGISTER_KINDS
from actors.messages.registers import RegisterUpdate
from actors.messages.sync import CollectionUpdate, ListUpdate, WatchlistUpdate
from crdt.hlc import HLCTimestamp

_encode: Final = msgspec.json.Encoder().encode
_ITEMS: Final = b'"items":['
"""Found only where it is a key: in a text the quotes would be escaped."""


def channel_update(
    update: AnyUpdate, origin: str, traceparent: str | None = None, epoch: str | None = None
) -> PubNubUpdate:
    """Return the channel's form of a journal record, as published by node ``origin``."""
    if isinstance(update, RegisterUpdate):
        return REGISTER_KINDS[collection_in(update.line)].channel_form(update, origin, epoch)
    message = PubNubWatchlistUpdate(
        operation=update.change.action,
        content_id=update.content_id,
        unique_tag=update.tags[0],
        unique_tags=update.tags if len(update.tags) > 1 else (),
        timestamp=update.timestamp,
        device_id=update.device_id,
        revision=update.revision,
        origin=origin,
        traceparent=traceparent,
        epoch=epoch,
        data=update.change.data,
        position=update.change.position,
    )
    list_id = list_in(update.line)
    return message if list_id is None else PubNubListUpdate(*structs.astuple(message), list=list_id)


def collection_of(message: PubNubUpdate) -> str:
    """Return the collection that a message of the channel tells of a change in."""
    if isinstance(message, PubNubProgressUpdate):
        return PROGRESS
    if isinstance(message, PubNubDeviceUpdate):
        return DEVICES
    return collection_of_list(message.list) if isinstance(message, PubNubListUpdate) else WATCHLIST


def channel_change(message: PubNubWatchlistUpdate, content_ids: ContentIds) -> Change | None:
    """Return the change that a message of the channel tells of; ``None``: its content id is not valid."""
    try:
        content_id = content_ids.canonical(message.content_id)
    except ValueError:
        return None
    return Change(
        action=message.operation,
        content_id=content_id,
        tag=message.unique_tag if message.operation == "add" else None,
        timestamp=message.timestamp,
        data=message.data,
        position=message.position,
    )


def device_update(update: AnyUpdate) -> CollectionUpdate:
    """Return the form of a journal record that devices are shown."""
    if isinstance(update, RegisterUpdate):
        return REGISTER_KINDS[collection_in(update.line)].device_form(update)
    return shown(
        update.change, update.revision, update.tags[0], update.timestamp, update.device_id, list_in(update.line)
    )


def shown(
    change: Change,
    revision: int | None,
    unique_tag: str,
    timestamp: AuthorStamp | None,
    device_id: str,
    list_id: str | None,
) -> WatchlistUpdate:
    """Return the form of a change that devices are shown; a foreign clock in another shape is left out."""
    update = WatchlistUpdate(
        content_id=change.content_id,
        action=change.action,
        revision=revision,
        unique_tag=unique_tag,
        timestamp=timestamp if isinstance(timestamp, HLCTimestamp) else None,
        device_id=device_id,
        data=change.data,
        position=change.position,
    )
    return update if list_id is None else ListUpdate.of(list_id, update)


def snapshot_page(page: Page | RegisterPage) -> SnapshotPage:
    """Return the form of a page that devices are shown."""
    items: Sequence[Struct]
    if isinstance(page, RegisterPage):
        items = [REGISTER_KINDS[collection_in(page.line)].item_form(update) for update in page.items]
    else:
        items = [
            SnapshotItem(
                content_id=item.content_id,
                unique_tag=item.tag,
                timestamp=item.timestamp,
                device_id=item.device_id,
                data=shown_data(item.data),
                position=item.position,
            )
            for item in page.items
        ]
    return SnapshotPage(epoch=page.epoch, revision=page.revision, items=_encode(items)[1:-1], after=page.after)


def snapshot_piece_json(
    page: SnapshotPage, *, is_start: bool, cursor: str | None, collection: str = WATCHLIST
) -> bytes:
    """Return the JSON of a ``WatchlistSnapshotPiece``, or of another collection's; ``cursor``: of the next one."""
    list_id, kind = list_of(collection), REGISTER_KINDS.get(collection)
    of_kind = WatchlistSnapshotPiece if kind is None else kind.piece
    piece = of_kind(revision=page.revision, epoch=page.epoch, start=is_start, items=(), next=cursor)
    if list_id is not None:
        piece = ListSnapshotPiece(**structs.asdict(piece), list=list_id)
    return _encode(piece).replace(_ITEMS, _ITEMS + page.items, 1)


def snapshot_json(revision: int, epoch: str, pages: Iterable[bytes], collection: str = WATCHLIST) -> bytes:
    """Return the JSON of a ``WatchlistSnapshot``, or another's; its items are encoded: ``SnapshotPage.items``."""
    list_id, kind = list_of(collection), REGISTER_KINDS.get(collection)
    if list_id is None:
        of_kind = WatchlistSnapshot if kind is None else kind.snapshot
        empty = _encode(of_kind(revision=revision, epoch=epoch, items=()))
    else:
        empty = _encode(ListSnapshot(list=list_id, revision=revision, epoch=epoch, items=()))
    return b"%b%b]}" % (empty.removesuffix(b"]}"), b",".join(filter(None, pages)))


def snapshot_part_json(page: SnapshotPage, *, is_start: bool, collection: str = WATCHLIST) -> bytes:
    """Return a part of the JSON of one snapshot; ``page`` is the first, or follows another.

    The parts of all pages, one behind the other, are the whole.
    """
    if is_start:
        part = snapshot_json(page.revision, page.epoch, [page.items], collection)
    else:
        part = b"%b%b]}" % (b"," if page.items else b"", page.items)
    return part if page.after is None else part.removesuffix(b"]}")
