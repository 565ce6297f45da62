"""One update in its three forms: journal record, channel message, device message."""

from uuid import UUID

from actors.device_messages import SnapshotItem, WatchlistSnapshot
from actors.journal_messages import Snapshot, Update
from actors.sync_messages import PubNubWatchlistUpdate, WatchlistUpdate


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
