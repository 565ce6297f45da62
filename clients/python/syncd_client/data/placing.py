"""Moves: which positions to give, and to which items, so that one stands beside another."""

from collections.abc import Sequence

from syncd_client.data.fractional_index import between
from syncd_client.data.list_view import Item


def positions_for(
    items: Sequence[Item], content_id: str, before: str | None, after: str | None
) -> list[tuple[str, str]]:
    """Return content ids and the new positions with which ``content_id`` stands before or behind another content.

    With neither it stands at the end. As a rule only ``content_id`` gets a new position. Another item gets one if it
    stands before ``content_id`` and has none, if it stands behind and shares its position with the one before, or if
    it is near and there is no room. Word by word: clients/conformance/README.md, "Moving".

    Raises:
        ValueError: the other content is not in the list, or both ``before`` and ``after`` are given.
    """
    others = [item for item in items if item.content_id != content_id]
    place = _place(others, before, after)
    positions = [item.position for item in others if item.position is not None]  # they come first
    start = min(place, len(positions))
    end = place
    while start > 0 and end < len(positions) and positions[end] == positions[start - 1]:
        end += 1
    reach = 0
    while True:
        first = max(start - reach, 0)
        behind = max(min(end + reach, len(positions)), end)
        low = positions[first - 1] if first else None
        high = positions[behind] if behind < len(positions) else None
        in_order = (*_ids(others[first:place]), content_id, *_ids(others[place:behind]))
        if given := _given_between(low, high, in_order):
            return given
        reach = 2 * reach or 1


def _given_between(low: str | None, high: str | None, content_ids: Sequence[str]) -> list[tuple[str, str]] | None:
    """Return a position for each content, in order; ``None``: there is no room."""
    given: list[tuple[str, str]] = []
    try:
        for each in content_ids:
            low = between(low, high)
            given.append((each, low))
    except ValueError:
        return None
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
