"""What a name reaches: wildcards, groups, and the names of presence events."""

import pytest

from pubnub_broker.names import Groups, Name, is_valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("user.1.sync", True),
        ("user.*", True),
        ("user.1.*", True),
        ("user.*-pnpres", True),
        ("a.b.c.*", False),
        ("user.*.sync", False),
        ("user*", False),
        ("*", False),
        (".*", False),
        ("", False),
    ],
)
def test_a_wildcard_ends_in_a_star_and_has_at_most_two_dots(text: str, valid: bool) -> None:
    assert is_valid(text) is valid


def test_a_channel_reaches_itself_its_two_wildcards_and_its_groups() -> None:
    groups = Groups()
    groups.add("g", ["a.b.c.d"])

    assert groups.names_reached("a.b.c.d") == (
        Name("a.b.c.d"),
        Name("a.*"),
        Name("a.b.*"),
        Name("g", is_group=True),
    )


def test_presence_events_reach_presence_names_only() -> None:
    groups = Groups()
    groups.add("g", ["a.b"])

    assert groups.names_reached("a.b-pnpres") == (
        Name("a.b-pnpres"),
        Name("a.*-pnpres"),
        Name("g-pnpres", is_group=True),
    )


def test_a_group_keeps_the_order_of_its_channels_and_ends_with_the_last() -> None:
    groups = Groups()
    groups.add("g", ["b", "a"])
    groups.add("g", ["c", "b"])
    assert groups.channels("g") == ["b", "a", "c"]

    groups.remove("g", ["b", "a", "c", "unknown"])
    assert groups.channels("g") == []
    assert groups.groups_of("a") == ()
