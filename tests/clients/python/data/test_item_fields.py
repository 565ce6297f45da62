"""What an app may say of an item, and how it is told that it may not."""

from typing import Any

import pytest
from syncd_client.data.item_fields import MAX_OBJECT_BYTES, check_data, check_position


def test_data_are_a_copy_as_they_come_back() -> None:
    seen: list[Any] = [1, 2.5, None, {"deep": "ä"}]
    checked = check_data({"seen": seen, "pair": (1, 2)})
    seen.append(3)
    assert checked == {"seen": [1, 2.5, None, {"deep": "ä"}], "pair": [1, 2]}
    assert check_data({}) == {}
    assert check_data(None) is None


class Text(str):
    """As parsers of HTML give texts, and frameworks for the web."""

    __slots__ = ()

    def __str__(self) -> str:
        return self  # a subclass again


class Whole(int):
    """As an enumeration of a library's own has numbers."""


class Number(float):
    """As numpy gives numbers."""


def test_texts_and_numbers_of_subclasses_in_data_are_what_they_are() -> None:
    checked = check_data({Text("title"): Text("ä"), "of": [Whole(7), {"rated": Number(1.5)}]})
    assert checked == {"title": "ä", "of": [7, {"rated": 1.5}]}
    assert checked is not None
    assert [type(each) for each in (*checked, checked["title"], *checked["of"])] == [str, str, str, int, dict]


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ([1], TypeError, "must be a dict, not of type list"),
        ({"what": object()}, TypeError, "must be what JSON can hold"),
        ({"note": "\ud800"}, ValueError, "must have no lone surrogate"),
        ({"note": "x" * MAX_OBJECT_BYTES}, ValueError, "has 1035 bytes as compact JSON, at most 1024"),
    ],
)
def test_what_is_no_data_is_refused(data: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=f"^data: {said}"):
        check_data(data)


def test_a_position_is_visible_ascii() -> None:
    assert check_position("!~a0") == "!~a0"
    assert check_position("V" * 64) == "V" * 64
    assert check_position(None) is None
    for position in ("", "V" * 65, "a b", "ä", "a\n", 7):
        with pytest.raises(ValueError, match=r"^position: must be 1 to 64 visible ASCII"):
            check_position(position)
