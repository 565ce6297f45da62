"""Revocations on both databases: versions in the order of commits, the later end holds, ended ones are forgotten."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.errors import StoreUnavailable
from storage.databases.database import Database
from storage.revocations import KEPT_LONGER_S, SqlRevocationStore
from storage.schema.version import renew_epoch
from tests.fakes.hand_clock import HandClock
from tests.migrated import migrate

NOW_S = 1_700_000_000


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW_S)


OpenStore = Callable[[], SqlRevocationStore]


@pytest.fixture
def open_store(database_url: str, clock: HandClock) -> Iterator[OpenStore]:
    """Open a store as each node has one."""
    migrate(database_url)
    stores: list[SqlRevocationStore] = []

    def open_store() -> SqlRevocationStore:
        stores.append(SqlRevocationStore(Database(database_url, lock_timeout_s=10), clock))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> SqlRevocationStore:
    return open_store()


def test_an_empty_store_has_revoked_nothing(store: SqlRevocationStore) -> None:
    assert store.revoked(0) == (0, [])


def test_another_node_is_told_what_came_since_it_last_asked(open_store: OpenStore) -> None:
    here, there = open_store(), open_store()
    here.revoke("a", NOW_S + 60)
    version, revoked = there.revoked(0)
    assert revoked == [("a", NOW_S + 60)]
    here.revoke("b", None)
    assert there.revoked(version) == (version + 1, [("b", None)])
    assert there.revoked(version + 1) == (version + 1, [])


def test_revocations_survive_their_writer(open_store: OpenStore) -> None:
    first = open_store()
    first.revoke("a", None)
    first.close()
    assert open_store().revoked(0) == (1, [("a", None)])


@pytest.mark.parametrize(
    ("first", "second", "holds"), [(60, 30, 60), (30, 60, 60), (60, None, None), (None, 60, None), (60, 60, 60)]
)
def test_of_two_revocations_the_later_end_holds(
    store: SqlRevocationStore, first: int | None, second: int | None, holds: int | None
) -> None:
    for expiry in (first, second):
        store.revoke("a", expiry and NOW_S + expiry)
    assert store.revoked(0)[1] == [("a", holds and NOW_S + holds)]


def test_a_revocation_that_is_repeated_is_not_told_again(store: SqlRevocationStore) -> None:
    store.revoke("a", NOW_S + 60)
    assert store.revoked(0) == (1, [("a", NOW_S + 60)])
    store.revoke("a", NOW_S + 60)
    assert store.revoked(1) == (1, [])


def test_in_a_new_epoch_and_by_a_new_process_all_are_told_whatever_was_asked_for(
    open_store: OpenStore, database_url: str
) -> None:
    store = open_store()
    store.revoke("a", None)
    store.revoke("b", None)
    assert store.revoked(0)[0] == 2
    renew_epoch(database_url)  # as after a failover, in which versions 3 to 9 were lost, and are given again
    assert store.revoked(9) == (2, [("a", None), ("b", None)])
    assert store.revoked(2) == (2, [])
    assert open_store().revoked(9) == (2, [("a", None), ("b", None)])


def test_a_revocation_is_forgotten_some_time_after_its_token_has_ended_and_no_version_comes_again(
    store: SqlRevocationStore, clock: HandClock
) -> None:
    store.revoke("short", NOW_S + 60)
    store.revoke("endless", None)
    clock.now_s += 60 + KEPT_LONGER_S
    store.revoke("b", None)
    assert [token_id for token_id, _ in store.revoked(0)[1]] == ["short", "endless", "b"]
    clock.now_s += 1
    store.revoke("c", None)
    version, revoked = store.revoked(0)
    assert [token_id for token_id, _ in revoked] == ["endless", "b", "c"]
    assert version == 4


def test_nodes_that_revoke_at_once_get_versions_without_gaps(open_store: OpenStore) -> None:
    stores = [open_store() for _ in range(4)]

    def revoke_ten(node: int) -> None:
        for number in range(10):
            stores[node].revoke(f"{node}-{number}", None)

    with ThreadPoolExecutor(4) as nodes:
        list(nodes.map(revoke_ten, range(4)))
    version, revoked = stores[0].revoked(0)
    assert version == len(revoked) == 40


def test_a_database_that_does_not_answer_is_unavailable_and_nothing_is_revoked(
    store: SqlRevocationStore, database_url: str, clock: HandClock
) -> None:
    blocker, waiting = Database(database_url), Database(database_url, lock_timeout_s=0.05)
    with blocker.transaction(writing=True) as transaction:
        transaction.connection.execute("UPDATE meta SET value = value")  # locks the version
        with pytest.raises(StoreUnavailable):
            SqlRevocationStore(waiting, clock).revoke("a", None)
    waiting.close()
    blocker.close()
    assert store.revoked(0) == (0, [])
