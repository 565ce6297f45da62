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
