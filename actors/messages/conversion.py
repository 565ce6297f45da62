"""A change in its other forms, each made here and nowhere else: the channel's message, and what devices are shown."""

from collections.abc import Iterable
from typing import Final

import msgspec

from actors.messages.change import Change
from actors.messages.channel import PubNubWatchlistUpdate
from actors.messages.content_ids import content_id_of
from actors.messages.device import SnapshotItem, WatchlistSnapshot, WatchlistSnapshotPiece
from actors.messages.journal import Page, SnapshotPage, Update
from actors.messages.sync import WatchlistUpdate
from crdt.hlc import HLCTimestamp

_encode: Final = msgspec.json.Encoder().encode
_ITEMS: Final = b'"items":['
"""Only a key is written so: in a text the quotes would be escaped."""


def channel_update(
    update: Update, origin: str, traceparent: str | None = None, epoch: str | None = None
) -> PubNubWatchlistUpdate:
    """Return the channel's form of a journal record, as published by node ``origin``."""
    return PubNubWatchlistUpdate(
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
    )


def channel_change(message: PubNubWatchlistUpdate) -> Change | None:
    """Return the change that a message of the channel tells of; ``None``: its content is not a UUID."""
    try:
        content_id = content_id_of(message.content_id)
    except ValueError:
        return None
    return Change(
        action=message.operation,
        content_id=content_id,
        tag=message.unique_tag if message.operation == "add" else None,
        timestamp=message.timestamp,
    )


def device_update(update: Update) -> WatchlistUpdate:
    """Return the form of a journal record that devices are shown."""
    return shown(update.change, update.revision, update.tags[0], update.timestamp, update.device_id)


def shown(
    change: Change, revision: int | None, unique_tag: str, timestamp: HLCTimestamp | int | None, device_id: str
) -> WatchlistUpdate:
    """Return the form of a change that devices are shown; a foreign clock in another shape is left out."""
    return WatchlistUpdate(
        content_id=change.content_id,
        action=change.action,
        revision=revision,
        unique_tag=unique_tag,
        timestamp=timestamp if isinstance(timestamp, HLCTimestamp) else None,
        device_id=device_id,
    )


def snapshot_page(page: Page) -> SnapshotPage:
    """Return the form of a page that devices are shown."""
    items = [
        SnapshotItem(
            content_id=item.content_id, unique_tag=item.tag, timestamp=item.timestamp, device_id=item.device_id
        )
        for item in page.items
    ]
    return SnapshotPage(epoch=page.epoch, revision=page.revision, items=_encode(items)[1:-1], after=page.after)


def snapshot_piece_json(page: SnapshotPage, *, is_start: bool, cursor: str | None) -> bytes:
    """Return the JSON of a ``WatchlistSnapshotPiece``; ``cursor``: of the next one."""
    piece = WatchlistSnapshotPiece(revision=page.revision, epoch=page.epoch, start=is_start, items=(), next=cursor)
    return _encode(piece).replace(_ITEMS, _ITEMS + page.items, 1)


def snapshot_json(revision: int, epoch: str, pages: Iterable[bytes]) -> bytes:
    """Return the JSON of a ``WatchlistSnapshot`` whose items are encoded: ``SnapshotPage.items``, in order."""
    empty = _encode(WatchlistSnapshot(revision=revision, epoch=epoch, items=()))
    return b"%b%b]}" % (empty.removesuffix(b"]}"), b",".join(filter(None, pages)))


def snapshot_part_json(page: SnapshotPage, *, is_start: bool) -> bytes:
    """Return a part of the JSON of one ``WatchlistSnapshot``, of which ``page`` is the first, or follows another.

    The parts of all pages, one behind the other, are the whole.
    """
    if is_start:
        part = snapshot_json(page.revision, page.epoch, [page.items])
    else:
        part = b"%b%b]}" % (b"," if page.items else b"", page.items)
    return part if page.after is None else part.removesuffix(b"]}")
