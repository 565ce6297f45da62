"""What the broker remembers, without a socket: timetokens, names, cursors, history, presence."""

import asyncio

import pytest
from msgspec import Raw, json

from pubnub_broker.channels import Channels, Message
from pubnub_broker.history import History
from pubnub_broker.keyset import Keyset
from pubnub_broker.names import Groups, Name, is_valid
from pubnub_broker.presence import Presence
from pubnub_broker.timetokens import Timetokens
from tests.timeouts import TIMEOUT_S

GROUPS = Groups()


def message(channel: str, timetoken: int) -> Message:
    return Message(channel=channel, payload=Raw(b"1"), timetoken=timetoken, reached=GROUPS.names_reached(channel))


def test_timetokens_rise_while_the_clock_stands_and_when_it_steps_back() -> None:
    readings = iter([17_000_000_000_000_000_00, 17_000_000_000_000_000_00, 16_000_000_000_000_000_00])
    timetokens = Timetokens(lambda: next(readings))

    minted = [timetokens.mint() for _ in range(3)]

    assert minted == [17_000_000_000_000_000, 17_000_000_000_000_001, 17_000_000_000_000_002]
    assert timetokens.last == minted[-1]


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


def test_a_cursor_gets_what_came_after_it_in_order_and_once() -> None:
    channels = Channels(kept=100)
    for timetoken, channel in enumerate(["u.1", "x", "u.2", "u.1"], start=1):
        channels.append(message(channel, timetoken))

    found = channels.after(1, {Name("u.*"), Name("u.1")}, limit=100)

    assert [(d.message.timetoken, d.name.text) for d in found] == [(3, "u.*"), (4, "u.1")]


def test_of_too_many_messages_a_cursor_gets_the_newest() -> None:
    channels = Channels(kept=100)
    for timetoken in range(1, 11):
        channels.append(message("c", timetoken))

    assert [d.message.timetoken for d in channels.after(0, {Name("c")}, limit=3)] == [8, 9, 10]


def test_the_oldest_messages_go_when_there_are_too_many() -> None:
    channels = Channels(kept=3)
    for timetoken, channel in enumerate(["a.1", "a.1", "a.2", "a.2", "a.2"], start=1):
        channels.append(message(channel, timetoken))

    assert [d.message.timetoken for d in channels.after(0, {Name("a.*")}, limit=100)] == [3, 4, 5]
    assert channels.after(0, {Name("a.1")}, limit=100) == []


async def test_an_arrival_wakes_who_waits_for_it_and_nobody_else() -> None:
    channels = Channels(kept=100)
    wildcard = asyncio.create_task(channels.arrival({Name("u.*")}))
    other = asyncio.create_task(channels.arrival({Name("x"), Name("y")}))
    await asyncio.sleep(0)

    channels.append(message("u.1", 1))
    await asyncio.wait_for(wildcard, TIMEOUT_S)
    assert not other.done()

    channels.release()
    await asyncio.wait_for(other, TIMEOUT_S)
    assert not channels._waiting


def test_history_pages_back_from_the_newest_and_forward_from_the_oldest() -> None:
    history = History(kept=100)
    for timetoken in range(1, 11):
        history.append(message("c", timetoken))

    def tokens(messages: list[Message]) -> list[int]:
        return [m.timetoken for m in messages]

    assert tokens(history.newest("c", 3, before=None, since=None)) == [8, 9, 10]
    assert tokens(history.newest("c", 3, before=8, since=None)) == [5, 6, 7]
    assert tokens(history.newest("c", 9, before=8, since=6)) == [6, 7]
    assert tokens(history.oldest("c", 3, after=None, until=None)) == [1, 2, 3]
    assert tokens(history.oldest("c", 9, after=8, until=9)) == [9]
    assert history.count("c", after=8) == 2


def test_history_deletes_a_range_and_forgets_the_oldest_over_its_bound() -> None:
    history = History(kept=3)
    for timetoken in range(1, 4):
        history.append(message("c", timetoken))
    history.delete("c", after=0, until=1)
    history.append(message("d", 4))  # pushes out 1, which is gone already
    assert [m.timetoken for m in history.newest("c", 9, before=None, since=None)] == [2, 3]

    history.append(message("d", 5))
    history.append(message("d", 6))
    assert history.count("c", after=0) == 0
    assert history.count("d", after=0) == 3


def test_presence_times_out_unless_it_is_kept() -> None:
    presence = Presence()
    room = Name("room")
    assert presence.touch([room], "alice", until_s=10.0) == [room]
    assert presence.touch([room], "bob", until_s=10.0) == [room]
    assert presence.touch([room], "alice", until_s=20.0) == []
    presence.set_state("room", "bob", Raw(b'{"mood":"ok"}'))

    assert presence.expire(9.0) == []
    assert presence.expire(10.0) == [(room, "bob")]
    assert presence.occupants([room]) == ["alice"]
    assert bytes(presence.state("room", "bob")) == b"{}"


def test_a_timeout_is_announced_with_the_occupancy_it_leaves() -> None:
    now_s = 0.0
    keyset = Keyset("s", Timetokens(), now_s=lambda: now_s)
    keyset.touch([Name("room")], "alice", timeout_s=10)
    keyset.touch([Name("room")], "bob", timeout_s=5)
    now_s = 7.0

    keyset.touch([Name("room")], "alice", timeout_s=10)

    announced = keyset.channels.after(0, {Name("room-pnpres")}, limit=100)
    events = [json.decode(bytes(d.message.payload)) for d in announced]
    assert [(e["action"], e["uuid"], e["occupancy"]) for e in events] == [
        ("join", "alice", 1),
        ("join", "bob", 2),
        ("timeout", "bob", 1),
    ]


def test_who_joins_a_group_is_announced_on_each_of_its_channels() -> None:
    keyset = Keyset("s", Timetokens())
    keyset.groups.add("g", ["a", "b"])

    keyset.touch([Name("g", is_group=True)], "alice", timeout_s=10)

    announced = keyset.channels.after(0, {Name("g-pnpres", is_group=True)}, limit=100)
    assert [d.message.channel for d in announced] == ["a-pnpres", "b-pnpres"]
    assert keyset.occupants("b") == ["alice"]
