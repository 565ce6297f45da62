"""Who is online is what nodes say whose lease has not ended, and what is known of devices outlives it."""

from collections.abc import Callable, Iterator

import pytest

from actors.messages.devices import Description, DeviceFields, KnownDevice, NotePresence, PresenceNoted
from storage.bounds import Bounds
from storage.database import Database
from storage.presence import CLEARED_AT_ONCE, SqlPresenceStore
from tests.fakes.wall_clock import WallClock
from tests.migrated import migrate

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
    return SqlPresenceStore(database, wall_clock, Bounds(devices_per_user=3))


@pytest.fixture
def note(store: SqlPresenceStore) -> Note:
    def note(node: str = "a", lease_ms: int = LEASE_MS, is_alone: bool = False, **more: object) -> PresenceNoted:
        return store.note(NotePresence(node=node, lease_ms=lease_ms, is_alone=is_alone, **more))  # type: ignore[arg-type]

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


def test_a_device_was_last_seen_when_it_came_or_went_and_is_seen_while_it_is_there(
    wall_clock: WallClock, sqlite_url: str
) -> None:
    migrate(sqlite_url)
    store = SqlPresenceStore(on_sqlite := Database(sqlite_url), wall_clock)

    def last_seen_ms() -> int:
        return store.devices("ann").devices[0].last_seen_ms

    came_ms = wall_clock.now_ms
    store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, came=(TV,)))
    wall_clock.now_ms += 5_000
    assert last_seen_ms() == came_ms + 5_000
    store.note(NotePresence(node="a", lease_ms=LEASE_MS, is_alone=False, left=(TV,)))
    wall_clock.now_ms += 5_000
    assert last_seen_ms() == came_ms + 5_000
    on_sqlite.close()


def test_what_is_said_of_a_device_is_kept_field_by_field(store: SqlPresenceStore, note: Note) -> None:
    note(came=(TV,))
    said = DeviceFields(device_type="tv", capabilities={"hdr_support": ["hdr10"], "can_cast": True})
    assert note(descriptions=(Description(*TV, said, is_own=True),)).unknown == ()
    named = DeviceFields(device_name="Zoë's TV ☃", platform="webos")
    assert note(descriptions=(Description(*TV, named, is_own=False),)).unknown == ()
    (device,) = store.devices("ann").devices
    fields = DeviceFields(device_name="Zoë's TV ☃", device_type="tv", platform="webos", capabilities=said.capabilities)
    assert device == KnownDevice(device_id="tv", fields=fields, last_seen_ms=device.last_seen_ms, nodes=("a",))


def test_only_a_device_itself_becomes_known_by_what_is_said_of_it(store: SqlPresenceStore, note: Note) -> None:
    named = DeviceFields(device_name="TV")
    assert note(descriptions=(Description(*TV, named, is_own=False),)).unknown == (TV,)
    assert online(store) == {}
    assert note(descriptions=(Description(*TV, named, is_own=True),)).unknown == ()
    assert online(store) == {"tv": ()}


def test_a_device_is_forgotten_once_and_comes_back_by_itself(store: SqlPresenceStore, note: Note) -> None:
    note(came=(TV, PHONE))
    assert note(forgotten=(TV,)).unknown == ()
    assert note(forgotten=(TV,)).unknown == (TV,)
    note(left=(TV,))
    assert online(store) == {"phone": ("a",)}
    note(came=(TV,))
    assert online(store) == {"phone": ("a",), "tv": ("a",)}


def test_beyond_the_bound_the_devices_go_that_are_offline_for_longest(store: SqlPresenceStore, note: Note) -> None:
    for device_id in ("1", "2", "3"):
        note(came=(("ann", device_id),))
    note(left=(("ann", "2"), ("ann", "3")))
    note(came=(("ann", "3"),))
    note(left=(("ann", "3"),))
    note(came=(("ann", "4"),))
    assert online(store) == {"1": ("a",), "3": (), "4": ("a",)}
    note(came=(("ann", "5"), ("ann", "6")))  # those who are there stay
    assert online(store) == dict.fromkeys("1456", ("a",))
