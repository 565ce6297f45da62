"""Who is where, by a clock that is an argument."""

from msgspec import Raw

from pubnub_broker.names import Name
from pubnub_broker.presence import SWEEP_INTERVAL_S, Presence

ROOM, LOUNGE = Name("room"), Name("lounge")


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


def test_who_leaves_is_gone_with_his_state_and_the_others_stay() -> None:
    presence = Presence()
    presence.touch([ROOM, LOUNGE], "alice", until_s=10.0)
    presence.touch([ROOM], "bob", until_s=10.0)
    presence.set_state("room", "alice", Raw(b'{"mood":"ok"}'))
    assert presence.names_of("alice") == [ROOM, LOUNGE]
    assert presence.leave([ROOM, Name("elsewhere")], "alice") == [ROOM]
    assert presence.leave([ROOM], "alice") == []
    assert presence.occupants([ROOM, LOUNGE]) == ["bob", "alice"]
    assert bytes(presence.state("room", "alice")) == b"{}"
    presence.leave([ROOM], "bob")
    assert presence.occupied() == [LOUNGE]


def test_time_is_looked_at_once_a_second() -> None:
    presence = Presence()
    presence.touch([ROOM], "alice", until_s=0.5)
    assert presence.expire(0.0) == []
    assert presence.expire(SWEEP_INTERVAL_S - 0.1) == []
    assert presence.expire(SWEEP_INTERVAL_S) == [(ROOM, "alice")]
