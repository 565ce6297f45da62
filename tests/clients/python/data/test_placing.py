"""An item is put beside another: by one position, and more only where there is no other way."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syncd_client import Item, Timestamp
from syncd_client.data.list_view import list_view
from syncd_client.data.placing import positions_for
from syncd_client.data.user_state import ConfirmedItem

FILE = json.loads((Path(__file__).parents[4] / "clients" / "conformance" / "positions.json").read_text())
FULL = ("V" * 64, "V" * 63 + "W", "z" * 64, "0" * 63 + "1")
"""Between the first two there is nothing, nor behind the third or before the last."""


def shown(*positions: str | None) -> tuple[Item, ...]:
    """Return a list with these positions, its contents a, b, c …; those without one are the newest first."""
    stamps = range(len(positions), 0, -1)
    return list_view(
        [
            ConfirmedItem(content, Timestamp(stamp, 0, "x"), 0, None, position=position)
            for content, stamp, position in zip("abcdefgh", stamps, positions, strict=False)
        ],
        [],
    )


@pytest.mark.parametrize("case", FILE["moved"], ids=str)
def test_only_what_has_to_get_a_position_gets_one_as_in_every_client(case: dict[str, Any]) -> None:
    given = positions_for(shown(*case["positions"]), case["moves"], case.get("before"), case.get("after"))
    assert [list(each) for each in given] == case["gives"]


@given(
    st.lists(
        st.sampled_from([None, None, "0", "1", "V", "V", "V0", "VV", "d", "z", "a-1", "~", *FULL]),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 7),
    st.integers(0, 7),
    st.booleans(),
)
def test_a_moved_item_stands_where_it_was_put_and_no_other_has_moved(
    positions: list[str | None], moved: int, other: int, is_before: bool
) -> None:
    items = shown(*positions)
    order = [item.content_id for item in items]
    content, wanted = [*order, "x"][moved % (len(order) + 1)], order[other % len(order)]
    if content == wanted:
        return
    given = dict(positions_for(items, content, *((wanted, None) if is_before else (None, wanted))))
    expected = [each for each in order if each != content]
    expected.insert(expected.index(wanted) + (not is_before), content)
    by_content = {item.content_id: item for item in items}
    after = [
        ConfirmedItem(each, by_content[each].timestamp if each in by_content else Timestamp(99, 0, "x"), 0, None,
                      position=given.get(each, by_content[each].position if each in by_content else None))
        for each in expected
    ]  # fmt: skip
    assert [item.content_id for item in list_view(after, [])] == expected


def test_what_is_not_there_has_no_place() -> None:
    with pytest.raises(ValueError, match=r"^before: x is not in the list"):
        positions_for(shown("V"), "a", "x", None)
    with pytest.raises(ValueError, match=r"^after: a is not in the list, or is what is to be moved"):
        positions_for(shown("V"), "a", None, "a")
    with pytest.raises(ValueError, match=r"^before, after: name one"):
        positions_for(shown("V", "d"), "a", "b", "b")
