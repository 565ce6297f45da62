"""Positions between positions: those that every client makes (clients/conformance), and that there always is one."""

import json
import re
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syncd_client import between

FILE = json.loads((Path(__file__).parents[4] / "clients" / "conformance" / "positions.json").read_text())
positions = st.text("0159AVZaz", min_size=1, max_size=12)


@pytest.mark.parametrize("case", FILE["between"], ids=str)
def test_between_two_positions_there_is_one(case: dict[str, Any]) -> None:
    assert between(case["a"], case["b"]) == case["is"]


@pytest.mark.parametrize("case", FILE["refused"], ids=str)
def test_what_has_nothing_between_is_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{case['names']}: "):
        between(case["a"], case["b"])


@pytest.mark.parametrize("case", FILE["inserted"], ids=str)
def test_inserting_at_one_place_grows_slowly(case: dict[str, Any]) -> None:
    low = high = None
    position = ""
    for turn in islice(cycle(case["turns"]), case["times"]):
        position = between(low, high)
        if turn == ">":
            low = position
        else:
            high = position
    assert position == case["last"]
    if "is_full" in case:
        with pytest.raises(ValueError, match=r"^b: .* is longer than 64"):
            between(low, high)


@given(st.none() | positions, st.none() | positions)
def test_a_position_is_between_as_text_and_leaves_room_on_both_sides(a: str | None, b: str | None) -> None:
    low = (a or "").rstrip("0")
    if b is not None and low >= b.rstrip("0"):
        with pytest.raises(ValueError, match=r"^a: must be before b"):
            between(a, b)
        return
    position = between(a, b)
    assert a is None or a < position
    assert b is None or position < b
    assert re.fullmatch("[0-9A-Za-z]*[1-9A-Za-z]", position)
    assert between(a, position) < position < between(position, b)
