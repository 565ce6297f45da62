import pytest
from hypothesis import given

from crdt.hlc import HLCTimestamp
from crdt.lww import LWWMap, LWWRegister
from tests.crdt.strategies import maps, registers


def at(physical: int, node: str = "tv") -> HLCTimestamp:
    return HLCTimestamp(physical, 0, node)


def test_the_later_word_wins_in_either_order() -> None:
    earlier, later = LWWRegister(100, at(1)), LWWRegister(50, at(2))
    assert earlier.merge(later) == later.merge(earlier) == later


def test_the_node_breaks_a_tie_of_clocks() -> None:
    phone, tv = LWWRegister(100, at(1, "phone")), LWWRegister(50, at(1, "tv"))
    assert phone.merge(tv) == tv.merge(phone) == tv


def test_two_values_under_one_stamp_end_as_one_everywhere() -> None:
    one, two = LWWRegister({"position": 1}, at(1)), LWWRegister({"position": 2}, at(1))
    assert one.merge(two) == two.merge(one)


@pytest.mark.parametrize("value", [10.5, "playing", True, False, {"can_cast": True}, ["4k"]])
def test_under_one_stamp_no_value_wins_over_any(value: object) -> None:
    one, none = LWWRegister[object](value, at(1)), LWWRegister[object](None, at(1))
    assert one.merge(none) == none.merge(one) == none


def test_a_key_never_set_has_no_value() -> None:
    assert LWWMap[int]().get("alien") is None


def test_a_falsy_value_is_a_value() -> None:
    assert LWWMap[int]().set("alien", 0, at(1)).get("alien") == 0


def test_an_earlier_word_that_arrives_late_is_lost() -> None:
    progress = LWWMap[int]().set("alien", 600, at(2)).set("alien", 300, at(1))
    assert progress.get("alien") == 600


def test_winding_back_later_wins_over_being_further() -> None:
    progress = LWWMap[int]().set("alien", 600, at(1)).set("alien", 0, at(2))
    assert progress.get("alien") == 0


def test_keys_do_not_touch_each_other() -> None:
    progress = LWWMap[int]().set("alien", 600, at(2)).set("brazil", 300, at(1))
    assert (progress.get("alien"), progress.get("brazil")) == (600, 300)


def test_setting_leaves_the_map_it_was_called_on_as_it_was() -> None:
    before = LWWMap[int]().set("alien", 600, at(1))
    before.set("alien", 700, at(2))
    assert before.get("alien") == 600


@given(registers, registers, registers)
def test_merging_registers_commutes_associates_and_repeats(
    one: LWWRegister[int], two: LWWRegister[int], three: LWWRegister[int]
) -> None:
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one


@given(maps, maps, maps)
def test_merging_maps_commutes_associates_and_repeats(one: LWWMap[int], two: LWWMap[int], three: LWWMap[int]) -> None:
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(one) == one
    assert one.merge(LWWMap()) == one
