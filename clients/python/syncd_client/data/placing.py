"""Where an item is to stand: the positions to give when one is put beside another."""

from collections.abc import Sequence

from syncd_client.data.fractional_index import between
from syncd_client.data.list_view import Item


def positions_for(
    items: Sequence[Item], content_id: str, before: str | None, after: str | None
) -> list[tuple[str, str]]:
    """Return content ids and new positions, with which ``content_id`` stands before or behind another content.

    With neither it stands at the end. Mostly it is the only one: others need a position if they have none and stand
    before it, or if they stand behind it and have the same as the one before it.

    Raises:
        ValueError: the other content is not in the list, or there is no room.
    """
    others = [item for item in items if item.content_id != content_id]
    place = _place(others, before, after)
    positions = [item.position for item in others if item.position is not None]  # they come first
    start = min(place, len(positions))
    low = positions[start - 1] if start else None
    end = place
    while end < len(positions) and positions[end] == low:
        end += 1
    high = positions[end] if end < len(positions) else None
    given: list[tuple[str, str]] = []
    for each in (*_ids(others[start:place]), content_id, *_ids(others[place:end])):
        low = between(low, high)
        given.append((each, low))
    return given


def _ids(items: Sequence[Item]) -> list[str]:
    return [item.content_id for item in items]


def _place(others: Sequence[Item], before: str | None, after: str | None) -> int:
    if before is not None and after is not None:
        raise ValueError("before, after: name one of them, or none for the end of the list")
    name, wanted = ("after", after) if before is None else ("before", before)
    if wanted is None:
        return len(others)
    content_ids = _ids(others)
    if wanted not in content_ids:
        raise ValueError(f"{name}: {wanted} is not in the list, or is what is to be moved")
    return content_ids.index(wanted) + (name == "after")
