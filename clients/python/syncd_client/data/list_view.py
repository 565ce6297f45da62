"""A list as the app sees it: what the service has confirmed, with the user's own writes on top."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, structs

from syncd_client.data.hlc import Timestamp
from syncd_client.data.user_state import ConfirmedItem, PendingWrite


class Item(Struct, frozen=True):
    """A content in the list as the app sees it; ``pending``: the service has not confirmed it yet."""

    content_id: str
    timestamp: Timestamp
    device_id: str | None
    pending: bool
    data: dict[str, Any] | None = None
    """What the app has said of it: not to be changed in place."""
    position: str | None = None
    """Where it stands: items are in order of their positions as text, and those without one come last."""


def list_view(confirmed: Iterable[ConfirmedItem], writes: Iterable[PendingWrite]) -> tuple[Item, ...]:
    """Return one list to show: in order of position, then the rest, newest first. Cost: O(n log n)."""
    shown = {item.content_id: item for item in confirmed}
    pending: set[str] = set()
    for write in writes:
        content_id = write.content_id
        if write.operation == "remove":
            shown.pop(content_id, None)
            continue
        pending.add(content_id)
        shown[content_id] = _added(shown.get(content_id), write)
    newest_first = sorted(shown.values(), key=lambda item: item.age_key, reverse=True)
    placed = sorted(
        (item for item in newest_first if item.position is not None),
        key=lambda item: (item.position or "", item.content_id),
    )
    return tuple(
        Item(item.content_id, item.timestamp, item.device_id, item.content_id in pending, item.data, item.position)
        for item in (*placed, *(item for item in newest_first if item.position is None))
    )


def _added(before: ConfirmedItem | None, write: PendingWrite) -> ConfirmedItem:
    """Return what an add makes of the item that is there, if any."""
    item = before
    if item is None or write.timestamp > item.timestamp:
        item = ConfirmedItem(write.content_id, write.timestamp, 0, None)
    kept = before or item
    return structs.replace(
        item,
        data=kept.data if write.data is None else write.data,
        position=write.position or kept.position,
    )
