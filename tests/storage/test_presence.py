"""A device is online if a node whose lease has not ended says so; devices for which that changes are reported."""

from collections.abc import Callable, Iterator

import pytest

from actors.errors import StoreUnavailable
from actors.messages.devices import (
    DeviceFields,
    DeviceSeen,
    KnownDevice,
    KnownFields,
    NotePresence,
    PresenceEnded,
    PresenceNoted,
    UserDevicesSeen,
)
from storage.databases.database import Database
from storage.presence import CLEARED_AT_ONCE, SqlPresenceStore
from tests.fakes.wall_clock import WallClock
from tests.migrated import migrate
from tests.storage.knowing import Knowing
from tests.timeouts import TIMEOUT_S

LEASE_MS = 10_000
ENDED_MS = -1
"""Of a lease that has ended when it is written: PostgreSQL has a clock of its own."""
TV, PHONE = ("ann", "tv"), ("ann", "phone")

Note = Callable[..., PresenceNoted]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url)
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def store(database: Database, wall_clock: WallClock) -> SqlPresenceStore:
    return SqlPresenceStore(database, wall_clock)


@pytest.fixture
def knowing(database: Database, wall_clock: WallClock) -> Knowing:
    return Knowing(database, wall_clock)


@pytest.fixture
def note(store: SqlPresenceStore, knowing: Knowing) -> Note:
    """``note(node, …)``: what ``Presence`` does, to whom the devices that are not known yet are told."""

    def note(node: str = "a", lease_ms: int = LEASE_MS, is_alone: bool = False, **more: object) -> PresenceNoted:
        request = NotePresence(node=node, lease_ms=lease_ms, is_alone=is_alone, **more)  # type: ignore[arg-type]
        noted = store.note(request)
        for user_id, device_id in noted.unknown:
            knowing.say(device_id, user_id=user_id)
        return noted

    return note


def online(store: SqlPresenceStore, user_id: str = "ann") -> dict[str, tuple[str, ...]]:
    return {device.device_id: device.nodes for device in store.devices(user_id).devices}


def rows(database: Database, table: str) -> int:
    with database.transaction(writing=False) as transaction:
        ((count,),) = transaction.connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(count)


def test_a_device_is_online_where_it_is_connected_and_known_afterwards(store: SqlPresenceStore, note: Note) -> None:
    assert store.devices("ann").devices == ()
    note(came=(TV, PHONE, ("bob", "tv")))
    note("b", came=(TV,))
    assert online(store) == {"phone": ("a",), "tv": ("a", "b")}
    note(left=(TV, PHONE))
    assert online(store) == {"phone": (), "tv": ("b",)}
    assert online(store, "bob") == {"tv": ("a",)}
    note(came=(PHONE,))
    note(came=(PHONE,))  # again, after an answer that was lost
    assert online(store)["phone"] == ("a",)


def test_devices_of_a_node_whose_lease_has_ended_are_offline_and_their_rows_go(
    store: SqlPresenceStore, note: Note, database: Database
) -> None:
    note(came=(TV,), lease_ms=ENDED_MS)
    assert online(store) == {"tv": ()}
    assert rows(database, "presence") == 1
    assert not note("b", came=(PHONE,)).has_more
    assert (rows(database, "presence"), rows(database, "leases")) == (1, 1)
    assert online(store) == {"phone": ("b",), "tv": ()}


def test_who_comes_back_after_others_have_cleared_its_rows_is_told_so(store: SqlPresenceStore, note: Note) -> None:
    assert not note().is_lease_kept  # its first
    assert note(came=(TV,), lease_ms=ENDED_MS).is_lease_kept
    assert note().is_lease_kept  # late, and nobody has noticed
    assert online(store) == {"tv": ("a",)}
    note(lease_ms=ENDED_MS)
    note("b")
    assert not note().is_lease_kept
    assert online(store) == {"tv": ()}


def test_who_comes_back_while_others_clear_its_rows_is_told_so(note: Note) -> None:
    note(came=tuple((f"u{number}", "tv") for number in range(CLEARED_AT_ONCE + 1)), lease_ms=ENDED_MS)
    assert note("b").has_more
    assert not note().is_lease_kept


def test_the_lease_of_a_node_that_is_silent_ends_however_often_others_write(
    wall_clock: WallClock, sqlite_url: str
) -> None:
    migrate(sqlite_url)
    store = SqlPresenceStore(on_sqlite := Database(sqlite_url), wall_clock)
    store.note(NotePresence(node="dead", lease_ms=LEASE_MS, is_alone=False, came=(TV,)))
    Knowing(on_sqlite, wall_clock).say("tv")
    for _ in range(4):
        assert online(store) == {"tv": ("dead",)}
        wall_clock.now_ms += LEASE_MS // 4
        store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False))
    wall_clock.now_ms += 1
    assert online(store) == {"tv": ()}
    on_sqlite.close()


def test_a_lease_of_before_the_clock_was_put_back_is_no_longer_than_others(
    store: SqlPresenceStore, note: Note, database: Database
) -> None:
    note("dead", came=(TV,), lease_ms=1_000 * LEASE_MS)
    note("b", came=(PHONE,))
    assert online(store) == {"phone": ("b",), "tv": ("dead",)}  # it may live: then it renews its lease
    with database.transaction(writing=False) as transaction:
        (dead_ms,), (b_ms,) = transaction.connection.execute(
            "SELECT ends_ms FROM leases WHERE node IN ('b', 'dead') ORDER BY node DESC"
        ).fetchall()
    assert dead_ms == b_ms


def test_many_rows_of_a_node_that_is_gone_go_in_parts(note: Note, database: Database) -> None:
    note(came=tuple((f"u{number}", "tv") for number in range(CLEARED_AT_ONCE + 1)), lease_ms=ENDED_MS)
    assert note("b").has_more
    assert rows(database, "presence") == 1
    assert not note("b").has_more
    assert (rows(database, "presence"), rows(database, "leases")) == (0, 1)


def test_a_node_that_is_alone_takes_every_other_for_gone(store: SqlPresenceStore, note: Note) -> None:
    note("before", came=(TV,))
    note("after", is_alone=True)
    assert online(store) == {"tv": ()}


def test_a_node_that_stops_leaves_nobody_online(store: SqlPresenceStore, note: Note, database: Database) -> None:
    note(came=(TV, PHONE))
    note("b", came=(TV,))
    store.end("a")
    assert online(store) == {"phone": (), "tv": ("b",)}
    assert rows(database, "leases") == 1
    note()  # it is started again
    assert online(store) == {"phone": (), "tv": ("b",)}


def test_a_device_was_last_seen_when_it_came_or_went_and_is_seen_while_it_is_there(
    wall_clock: WallClock, sqlite_url: str
) -> None:
    migrate(sqlite_url)
    store = SqlPresenceStore(on_sqlite := Database(sqlite_url), wall_clock)
    knowing = Knowing(on_sqlite, wall_clock)

    def last_seen_ms() -> int:
        return store.devices("ann").devices[0].last_seen_ms

    came_ms = wall_clock.now_ms
    store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, came=(TV,)))
    knowing.say("tv")
    wall_clock.now_ms += 5_000
    assert last_seen_ms() == came_ms + 5_000
    store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, left=(TV,)))
    wall_clock.now_ms += 5_000
    assert last_seen_ms() == came_ms + 5_000
    store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, came=(TV,)))
    wall_clock.now_ms += 5_000
    store.end("a")
    wall_clock.now_ms += 5_000
    assert last_seen_ms() == came_ms + 15_000
    on_sqlite.close()


def test_what_is_said_of_a_device_is_listed_with_it(store: SqlPresenceStore, note: Note, knowing: Knowing) -> None:
    note(came=(TV,))
    said = DeviceFields(device_type="tv", capabilities={"hdr_support": ["hdr10"], "can_cast": True})
    knowing.say("tv", said)
    knowing.say("tv", DeviceFields(device_name="Zoë's TV ☃", platform="webos"), by="phone")
    (device,) = store.devices("ann").devices
    fields = KnownFields(
        device_name="Zoë's TV ☃",
        device_type="tv",
        platform="webos",
        capabilities=b'{"hdr_support":["hdr10"],"can_cast":true}',
    )
    assert device == KnownDevice(device_id="tv", fields=fields, last_seen_ms=device.last_seen_ms, nodes=("a",))


def test_who_is_not_known_is_named_until_it_is(store: SqlPresenceStore, note: Note, knowing: Knowing) -> None:
    request = NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, came=(TV,), visited=(PHONE,))
    for _ in range(2):
        assert store.note(request).unknown == (PHONE, TV)
    assert online(store) == {}
    knowing.say("tv")
    assert store.note(request).unknown == (PHONE,)
    assert online(store) == {"tv": ("a",)}


def test_a_device_that_is_forgotten_comes_back_when_it_connects_again(
    store: SqlPresenceStore, note: Note, knowing: Knowing
) -> None:
    note(came=(TV, PHONE))
    note("b", came=(TV,))
    assert store.devices("ann").strangers == {}
    knowing.forget("tv", by="phone")
    assert store.devices("ann").strangers == {"tv": ("a", "b")}
    note("b", left=(TV,))
    assert note(left=(TV,)).unknown == ()
    assert online(store) == {"phone": ("a",)}
    assert note(came=(TV,)).unknown == (TV,)
    assert online(store) == {"phone": ("a",), "tv": ("a",)}


def test_nobody_waits_long_behind_who_is_online(database_url: str, note: Note, database: Database) -> None:
    note()
    patient = Database(database_url, lock_timeout_s=10 * TIMEOUT_S)  # longer than the test may take
    store = SqlPresenceStore(patient, lambda: 0)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE leases SET ends_ms = 0")
        with pytest.raises(StoreUnavailable):
            store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False))
        with pytest.raises(StoreUnavailable):
            store.end("a")
    patient.close()


def seen(noted: PresenceNoted | PresenceEnded) -> dict[str, tuple[dict[str, bool], bool]]:
    """Return who has come online or gone offline, by user, and whether the user is elsewhere."""
    return {
        one.user_id: ({device.device_id: device.is_online for device in one.devices}, one.is_elsewhere)
        for one in noted.seen
    }


def test_who_comes_or_goes_is_told_where_that_makes_a_difference(note: Note) -> None:
    assert seen(note(came=(TV, ("bob", "tv")))) == {"ann": ({"tv": True}, False), "bob": ({"tv": True}, False)}
    assert seen(note("b", came=(TV, PHONE))) == {"ann": ({"phone": True}, True)}
    assert seen(note(left=(TV,), came=(("bob", "pc"),))) == {"bob": ({"pc": True}, False)}
    assert seen(note("b", left=(TV, PHONE))) == {"ann": ({"phone": False, "tv": False}, False)}
    assert note().seen == ()


def test_who_has_become_known_is_told_as_it_is(note: Note) -> None:
    note(came=(TV, PHONE))
    note("b", came=(TV,))
    note(left=(PHONE,))
    assert seen(note("b", recorded=(TV, PHONE))) == {"ann": ({"tv": True, "phone": False}, True)}


def test_whose_node_has_died_has_gone_offline_unless_it_is_here(note: Note) -> None:
    note("dead", came=(TV, PHONE), lease_ms=ENDED_MS)
    assert seen(note(came=(PHONE,))) == {"ann": ({"phone": True, "tv": False}, False)}


def test_whose_node_stops_has_gone_offline_to_who_is_on_another(
    store: SqlPresenceStore, note: Note, database: Database
) -> None:
    note(came=(TV, PHONE, ("bob", "tv"), ("cat", "tv")))
    note("b", came=(PHONE, ("ann", "pc"), ("dan", "tv")))
    note("dead", came=(("cat", "pc"), TV))
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE leases SET ends_ms = 1 WHERE node = 'dead'")
    assert seen(store.end("a")) == {"ann": ({"tv": False}, True)}
    assert seen(store.end("b")) == {}


def test_a_hint_says_when_a_device_was_last_seen(wall_clock: WallClock, sqlite_url: str) -> None:
    migrate(sqlite_url)
    store = SqlPresenceStore(on_sqlite := Database(sqlite_url), wall_clock)
    ended_ms = wall_clock.now_ms + LEASE_MS
    store.note(NotePresence(node="dead", lease_ms=LEASE_MS, is_alone=False, came=(TV,)))
    Knowing(on_sqlite, wall_clock).say("tv")
    wall_clock.now_ms += 2 * LEASE_MS
    noted = store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, came=(PHONE,)))
    gone, here = DeviceSeen("tv", False, ended_ms), DeviceSeen("phone", True, wall_clock.now_ms)
    assert noted.seen == (UserDevicesSeen("ann", (gone, here), False),)
    noted = store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, came=(TV,)))
    assert noted.seen == (UserDevicesSeen("ann", (DeviceSeen("tv", True, wall_clock.now_ms),), False),)
    on_sqlite.close()


@pytest.mark.parametrize("others", [0, CLEARED_AT_ONCE])
def test_devices_of_a_node_that_has_died_were_last_seen_when_its_lease_ended(
    wall_clock: WallClock, sqlite_url: str, others: int
) -> None:
    migrate(sqlite_url)
    store = SqlPresenceStore(on_sqlite := Database(sqlite_url), wall_clock)

    def last_seen_ms() -> int:
        return store.devices("zoe").devices[0].last_seen_ms

    came = tuple((f"u{number}", "tv") for number in range(others))  # in a part of their own, which goes first
    store.note(NotePresence(node="dead", lease_ms=LEASE_MS, is_alone=False, came=(*came, ("zoe", "tv"))))
    Knowing(on_sqlite, wall_clock).say("tv", user_id="zoe")
    wall_clock.now_ms += 30 * LEASE_MS
    store.note(NotePresence(node="dead", lease_ms=LEASE_MS, is_alone=False))
    ended_ms = wall_clock.now_ms + LEASE_MS
    wall_clock.now_ms += 30 * LEASE_MS
    assert last_seen_ms() == ended_ms
    while store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False)).has_more:
        assert last_seen_ms() == ended_ms
    assert last_seen_ms() == ended_ms
    assert rows(on_sqlite, "presence") == 0
    on_sqlite.close()


@pytest.mark.integration
def test_who_clears_what_a_dead_node_has_left_waits_for_no_device_that_another_writes(
    postgresql_url: str, wall_clock: WallClock
) -> None:
    migrate(postgresql_url)
    store = SqlPresenceStore(database := Database(postgresql_url), wall_clock)
    store.note(NotePresence(node="dead", lease_ms=ENDED_MS, is_alone=False, came=(TV,)))
    Knowing(database, wall_clock).say("tv")
    other = Database(postgresql_url)
    with other.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE devices SET last_seen_ms = 1")
        store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False))
    assert rows(database, "presence") == 0
    assert store.devices("ann").devices[0].last_seen_ms == 1
    other.close()
    database.close()


@pytest.mark.integration
def test_a_node_whose_clock_is_ahead_takes_nobody_for_gone(postgresql_url: str, wall_clock: WallClock) -> None:
    migrate(postgresql_url)
    database = Database(postgresql_url)
    SqlPresenceStore(database, wall_clock).note(NotePresence(node="a", lease_ms=60_000, is_alone=False, came=(TV,)))
    Knowing(database, wall_clock).say("tv")
    ahead = SqlPresenceStore(database, lambda: wall_clock.now_ms + 10 * 365 * 24 * 3600 * 1000)
    ahead.note(NotePresence(node="b", lease_ms=60_000, is_alone=False))
    assert online(ahead) == {"tv": ("a",)}
    database.close()


def test_who_is_on_a_node_that_is_alone_was_there_before_it_until_now_at_most(
    wall_clock: WallClock, sqlite_url: str
) -> None:
    migrate(sqlite_url)
    store = SqlPresenceStore(on_sqlite := Database(sqlite_url), wall_clock)
    store.note(NotePresence(node="before", lease_ms=LEASE_MS, is_alone=True, came=(TV,)))
    Knowing(on_sqlite, wall_clock).say("tv")
    wall_clock.now_ms += 1_000  # it was killed, and started again at once
    store.note(NotePresence(node="after", lease_ms=LEASE_MS, is_alone=True))
    assert store.devices("ann").devices[0].last_seen_ms == wall_clock.now_ms
    on_sqlite.close()
