"""Devices are registers: only a device itself makes itself known, and one too many replaces the longest offline."""

from collections.abc import Iterator

import pytest
from msgspec import structs

from actors.messages.device_registers import description
from actors.messages.devices import DeviceFields, NotePresence
from actors.messages.journal import Outcome, Status
from actors.messages.registers import RegisterChange, RegisterUpdate
from crdt.hlc import HLCTimestamp
from storage.databases.database import Database
from storage.presence import SqlPresenceStore
from storage.rules.bounds import Bounds
from tests.fakes.wall_clock import WallClock
from tests.migrated import migrate
from tests.storage.knowing import Knowing

NAMED, LOUD = DeviceFields(device_name="TV", capabilities={"can_cast": True}), DeviceFields(device_name="Loud")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url)
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def knowing(database: Database, wall_clock: WallClock) -> Knowing:
    return Knowing(database, wall_clock, Bounds(devices_per_user=3))


@pytest.fixture
def presence(database: Database, wall_clock: WallClock) -> SqlPresenceStore:
    return SqlPresenceStore(database, wall_clock)


def online(presence: SqlPresenceStore) -> dict[str, bool]:
    return {device.device_id: bool(device.nodes) for device in presence.devices("ann").devices}


def stamped(change: RegisterChange, physical: int) -> RegisterChange:
    return structs.replace(change, timestamp=HLCTimestamp(physical, 0, "phone"))


def result(outcome: Outcome) -> tuple[Status, int | None, bool]:
    return outcome.status, outcome.revision, outcome.is_new


def news(outcome: Outcome) -> list[tuple[str, bool]]:
    """Return which devices an outcome has changed, and whether they are known."""
    return [(update.key, bool(update.values)) for update in outcome.news if isinstance(update, RegisterUpdate)]


def test_a_device_is_known_by_its_own_word_first(knowing: Knowing, presence: SqlPresenceStore) -> None:
    assert result(knowing.say("tv", NAMED, by="phone")) == (Status.NOT_FOUND, None, False)
    assert result(knowing.forget("tv", by="phone")) == (Status.NOT_FOUND, None, False)
    assert online(presence) == {}
    assert result(knowing.say("tv")) == (Status.UPDATED, 1, True)
    outcome = knowing.say("tv", LOUD, by="phone")
    assert result(outcome) == (Status.UPDATED, 2, True)
    assert outcome.register is not None
    assert (outcome.register.values, outcome.register.device_id) == ({"known": True, "device_name": "Loud"}, "phone")
    assert online(presence) == {"tv": False}


def test_what_the_service_stamps_and_holds_already_is_not_written(knowing: Knowing) -> None:
    knowing.say("tv", NAMED)
    for repeated in (NAMED, DeviceFields(), DeviceFields(device_name="TV")):
        assert result(knowing.say("tv", repeated)) == (Status.UPDATED, 1, False)
    one = DeviceFields(capabilities={"can_cast": 1})  # which Python takes for the same
    assert result(knowing.say("tv", one)) == (Status.UPDATED, 2, True)


def test_an_author_who_stamps_has_the_later_word_though_it_is_the_same(knowing: Knowing, wall_clock: WallClock) -> None:
    knowing.say("tv", NAMED)
    later = wall_clock.now_ms + 1_000
    assert result(knowing.write(stamped(description("tv", NAMED), later), by="phone")) == (Status.UPDATED, 2, True)
    assert result(knowing.write(stamped(description("tv", LOUD), later - 1), by="pc")) == (Status.SUPERSEDED, 2, False)


def test_what_a_device_said_before_it_came_is_answered_with_its_own_stamp_each_time(
    knowing: Knowing, wall_clock: WallClock
) -> None:
    earlier = wall_clock.now_ms - 1_000
    knowing.say("tv")  # as its connection does
    change = structs.replace(stamped(description("tv", NAMED), earlier), operation_id="a")
    for revision, is_new in ((2, True), (2, False)):
        outcome = knowing.write(change, by="tv")
        assert result(outcome) == (Status.UPDATED, revision, is_new)
        assert outcome.timestamp == change.timestamp


def test_a_device_is_forgotten_and_only_it_brings_itself_back(knowing: Knowing, presence: SqlPresenceStore) -> None:
    knowing.say("tv", NAMED)
    outcome = knowing.forget("tv", by="phone")
    assert result(outcome) == (Status.REMOVED, 2, True)
    assert outcome.register is not None
    assert outcome.register.values == {}
    assert online(presence) == {}
    assert result(knowing.forget("tv", by="phone")) == (Status.NOT_FOUND, None, False)
    assert result(knowing.say("tv", LOUD, by="phone")) == (Status.NOT_FOUND, None, False)
    back = knowing.say("tv")
    assert back.register is not None
    assert (back.revision, back.register.values) == (3, {"known": True})
    assert online(presence) == {"tv": False}


def test_what_a_device_said_before_it_was_forgotten_does_not_bring_it_back(
    knowing: Knowing, presence: SqlPresenceStore, wall_clock: WallClock
) -> None:
    before = stamped(description("tv", NAMED), wall_clock.now_ms - 1_000)
    knowing.say("tv")
    knowing.forget("tv", by="phone")
    assert result(knowing.write(before, by="tv")) == (Status.SUPERSEDED, 2, False)
    assert online(presence) == {}


def test_for_one_more_the_device_goes_that_is_offline_for_longest(
    knowing: Knowing, presence: SqlPresenceStore, wall_clock: WallClock
) -> None:
    def note(came: tuple[str, ...] = (), left: tuple[str, ...] = ()) -> None:
        pairs = [tuple(("ann", device_id) for device_id in some) for some in (came, left)]
        presence.note(NotePresence(node="a", lease_ms=60_000, is_alone=False, came=pairs[0], left=pairs[1]))

    note(came=("1",))
    for device_id in ("1", "2", "3"):
        wall_clock.now_ms += 1_000
        knowing.say(device_id)
    outcome = knowing.say("4")
    assert (news(outcome), outcome.revision) == ([("2", False), ("4", True)], 5)
    assert online(presence) == {"1": True, "3": False, "4": False}
    note(came=("3", "4"))
    assert news(knowing.say("5")) == [("5", True)]  # those who are there stay
    note(came=("5",))
    for device_id in ("5", "3", "4"):
        wall_clock.now_ms += 1_000
        note(left=(device_id,))
    both = knowing.write_all((description("6", NAMED), "6"), (description("7", NAMED), "7"))
    assert list(map(news, both)) == [[("5", False), ("3", False), ("6", True)], [("4", False), ("7", True)]]
    assert online(presence) == {"1": True, "6": False, "7": False}


def test_an_answer_that_comes_again_says_what_it_said_and_tells_nobody(knowing: Knowing) -> None:
    for device_id in ("1", "2", "3"):
        knowing.say(device_id)
    change = structs.replace(description("4", NAMED), operation_id="op-1")
    first, again = knowing.write(change, by="4"), knowing.write(change, by="4")
    assert (len(first.news), first.revision) == (2, 5)
    assert (again.news, again.revision, again.status) == ((), 5, first.status)


def test_that_a_device_was_not_known_is_an_answer_too(knowing: Knowing) -> None:
    change = structs.replace(description("tv", NAMED), operation_id="a")
    assert result(knowing.write(change, by="phone")) == (Status.NOT_FOUND, None, False)
    knowing.say("tv")
    assert result(knowing.write(change, by="phone")) == (Status.NOT_FOUND, None, False)
