"""A write and the update it becomes, in their forms: device message, journal record, channel message."""

from uuid import UUID

from actors.messages.connection import ConnectionInfo, DeviceWrite
from actors.messages.device import SnapshotItem, WatchlistSnapshot, WatchlistWrite
from actors.messages.journal import Outcome, Snapshot, Tell, Update
from actors.messages.sync import PubNubWatchlistUpdate, WatchlistUpdate
from actors.tracing import Trace
from crdt.hlc import HLCTimestamp


def device_write(
    write: WatchlistWrite, connection: ConnectionInfo, answer: Tell[Outcome], trace: Trace | None
) -> DeviceWrite:
    """Return what a device's message asks the user's ``WatchlistSync`` for."""
    return DeviceWrite(
        user_id=connection.user_id,
        device_id=connection.device_id,
        action=write.operation,
        content_id=str(write.content_id),
        operation_id=write.operation_id,
        tag=write.tag,
        observed=write.observed,
        timestamp=write.timestamp if isinstance(write.timestamp, HLCTimestamp) else None,
        answer=answer,
        trace=trace,
    )


def channel_update(update: Update, origin: str) -> PubNubWatchlistUpdate:
    """Return the channel's form of a journal record, as published by node ``origin``."""
    return PubNubWatchlistUpdate(
        operation=update.action,
        content_id=update.content_id,
        unique_tag=update.tags[0],
        unique_tags=update.tags if len(update.tags) > 1 else (),
        timestamp=update.timestamp,
        device_id=update.device_id,
        revision=update.revision,
        origin=origin,
    )


def device_update(update: Update) -> WatchlistUpdate:
    """Return the form of a journal record that devices are shown."""
    return WatchlistUpdate(
        content_id=UUID(update.content_id),
        action=update.action,
        revision=update.revision,
        unique_tag=update.tags[0],
        timestamp=update.timestamp,
        device_id=update.device_id,
    )


def device_snapshot(snapshot: Snapshot) -> WatchlistSnapshot:
    """Return the form of a whole watchlist that devices are shown."""
    return WatchlistSnapshot(
        revision=snapshot.revision,
        epoch=snapshot.epoch,
        items=tuple(
            SnapshotItem(
                content_id=item.content_id,
                unique_tag=item.tag,
                timestamp=item.timestamp,
                device_id=item.device_id,
            )
            for item in snapshot.items
        ),
    )
