"""The list as the app sees it: what the service has confirmed, with the user's own writes on top."""

from collections.abc import Iterable

from msgspec import Struct

from syncd_client.hlc import Timestamp
from syncd_client.user_state import ConfirmedItem, PendingWrite


class Item(Struct, frozen=True):
    """A content in the list as the app sees it; ``pending``: the service has not confirmed it yet."""

    content_id: str
    timestamp: Timestamp
    device_id: str | None
    pending: bool


def list_view(confirmed: Iterable[ConfirmedItem], writes: Iterable[PendingWrite]) -> tuple[Item, ...]:
    """Return the list to show, newest first. Cost: O(n log n)."""
    shown = {item.content_id: item for item in confirmed}
    pending: set[str] = set()
    for write in writes:
        content_id = write.content_id
        if write.operation == "remove":
            shown.pop(content_id, None)
            continue
        pending.add(content_id)
        before = shown.get(content_id)
        if before is None or write.timestamp > before.timestamp:
            shown[content_id] = ConfirmedItem(content_id, write.timestamp, 0, None)
    newest_first = sorted(shown.values(), key=lambda item: item.age_key, reverse=True)
    return tuple(
        Item(item.content_id, item.timestamp, item.device_id, item.content_id in pending) for item in newest_first
    )
