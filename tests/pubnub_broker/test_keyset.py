"""One subscribe key: what it publishes reaches and stays, and who comes and goes is announced."""

from msgspec import Raw, json

from pubnub_broker.keyset import Keyset
from pubnub_broker.names import Name
from pubnub_broker.timetokens import Timetokens


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


def test_a_message_is_delivered_and_stored_as_it_was_published() -> None:
    keyset = Keyset("s", Timetokens())
    keyset.publish("c", Raw(b"1"), is_stored=True, is_delivered=False)
    timetoken = keyset.publish("c", Raw(b"2"), is_stored=False)
    (delivery,) = keyset.channels.after(0, {Name("c")}, limit=9)
    assert (bytes(delivery.message.payload), delivery.message.timetoken) == (b"2", timetoken)
    assert [bytes(kept.payload) for kept in keyset.history.newest("c", 9, before=None, since=None)] == [b"1"]


def test_a_keyset_keeps_so_many_messages_and_no_more() -> None:
    keyset = Keyset("s", Timetokens(), messages_kept=2)
    for number in range(3):
        keyset.publish("c", Raw(b"%d" % number), is_stored=True)
    assert [bytes(d.message.payload) for d in keyset.channels.after(0, {Name("c")}, limit=9)] == [b"1", b"2"]
    assert keyset.history.count("c", after=0) == 2


def test_names_stand_for_their_channels_each_once() -> None:
    keyset = Keyset("s", Timetokens())
    keyset.groups.add("g", ["a", "b"])
    assert keyset.channels_of([Name("b"), Name("g", is_group=True), Name("c")]) == ["b", "a", "c"]
