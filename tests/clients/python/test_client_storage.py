"""Files that fail a client: it goes on, says so, keeps what it can, and gives no number twice."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from syncd_client import (
    Changes,
    Client,
    Event,
    MemoryStore,
    SignedOut,
    SqliteStore,
    State,
    Storage,
    Updated,
    UserState,
)

from tests.timeouts import TIMEOUT_S

NOWHERE = "ws://127.0.0.1:9"
A, B, C, D = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "abcd")


async def get_token() -> str:
    return "a-token"


def opened(path: Path, told: list[Storage] | None = None, store: SqliteStore | None = None) -> Client:
    """Return a client that stays offline, with alice's list."""
    client = Client(NOWHERE, store or SqliteStore(path))

    def note(event: Event) -> None:
        if told is not None and isinstance(event, Storage):
            told.append(event)

    client.subscribe(note)
    client.sign_in("alice", get_token)
    client.disconnect()
    return client


async def until(client: Client, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await client.wait_until(condition)


def ids(client: Client) -> set[str]:
    return {item.content_id for item in client.items}


def stored(path: Path, user_id: str = "alice") -> UserState | None:
    with closing(SqliteStore(path)) as store:
        return store.load(user_id)


def names(state: UserState | None) -> list[str]:
    assert state is not None
    return [write.operation_id for write in state.queue]


def garbage(path: Path) -> None:
    path.write_bytes(b"a letter to my aunt, of more than a hundred characters, " * 4)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 9")


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE films (title)")


def without_directory(path: Path) -> None:
    path.symlink_to(path.parent / "none" / "client.db")


def unreadable_rows(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.load("alice")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("INSERT INTO heads VALUES ('alice', 'no JSON')")


@pytest.mark.parametrize("make", [garbage, newer, of_another_program, Path.mkdir, without_directory, unreadable_rows])
async def test_a_file_that_cannot_be_used_is_told_and_left_alone_and_the_client_goes_on(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "client.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    told: list[Storage] = []
    client = opened(path, told)
    assert client.storage == "memory"
    assert [event.storage for event in told] == ["memory"]
    assert told[0].reason
    assert await client.add(A) == "memory"
    assert ids(client) == {A}
    await client.close()
    assert len(told) == 1
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("is_same_store", [False, True])
async def test_a_file_in_use_is_taken_when_it_is_free_with_the_changes_of_both(
    tmp_path: Path, is_same_store: bool
) -> None:
    path = tmp_path / "client.db"
    shared = SqliteStore(path) if is_same_store else None
    first = opened(path, None, shared)
    first.add_many([A, B])
    told: list[Storage] = []
    second = opened(path, told, shared)
    assert "another client uses" in told[0].reason
    assert (first.storage, second.storage) == ("persistent", "memory")
    second.add(C)
    assert ids(second) == {C}
    await first.close()
    await until(second, lambda: second.storage == "persistent")
    assert ids(second) == {A, B, C}
    assert second.queued == 3
    assert second.state is State.STOPPED, "the app wanted to stay offline"
    assert await second.add(D) == "persistent"
    await second.close()
    queue = names(stored(path))
    assert len(set(queue)) == 4
    assert queue[3].partition(".")[0] == queue[0].partition(".")[0] != queue[2].partition(".")[0]


async def test_a_file_that_is_deleted_meanwhile_is_made_again_with_all_there_is(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    told: list[Storage] = []
    client = opened(path, told)
    first = client.add(A)
    assert await first == "persistent"
    path.unlink()
    second = client.add(B)
    assert await second == "persistent"
    assert [(event.storage, "was deleted or replaced" in event.reason) for event in told] == [("persistent", True)]
    await client.close()
    assert names(stored(path)) == [first.id, second.id]


async def test_a_file_that_is_replaced_meanwhile_keeps_what_it_has_and_gets_our_changes(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    other = opened(tmp_path / "other.db")
    other.add_many([A, B])
    await other.close()
    client = opened(path)
    assert await client.add(C) == "persistent"
    (tmp_path / "other.db").rename(path)
    client.add(D)
    await until(client, lambda: ids(client) == {A, B, C, D})
    await client.close()
    assert len(set(names(stored(path)))) == 4


async def test_a_copy_of_our_own_file_in_which_another_client_has_numbered_gets_other_numbers(tmp_path: Path) -> None:
    path, copy = tmp_path / "client.db", tmp_path / "copy.db"
    client = opened(path)
    await client.add(A)
    await client.close()
    copy.write_bytes(path.read_bytes())
    other = opened(copy)
    await other.add(B)
    await other.close()
    client = opened(path)
    copy.rename(path)
    ours = client.add(C)
    await until(client, lambda: ids(client) == {A, B, C})
    await client.close()
    queue = names(stored(path))
    assert len(set(queue)) == 3
    assert ours.id in queue[:2], "the app's id is that of another client's change now"


@pytest.mark.parametrize("does_it_end", [True, False])
async def test_on_a_full_disk_the_client_goes_on_and_no_number_is_given_twice(
    tmp_path: Path, does_it_end: bool
) -> None:
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    client = Client(NOWHERE, store)
    told: list[Event] = []
    client.subscribe(lambda event: told.append(event) if isinstance(event, Storage) else None)
    client.sign_in("alice", get_token)
    client.disconnect()
    first = client.add(A)
    assert await first == "persistent"
    (pages,) = store._opened().execute("PRAGMA page_count").fetchone()
    store._opened().execute(f"PRAGMA max_page_count = {pages}")
    more = [f"0b0e6a4e-52a5-4a5b-9a1f-{number:012}" for number in range(500)]
    second, *_ = client.add_many(more)
    assert await second == "memory"
    assert client.storage == "memory"
    assert len(ids(client)) == 501
    if does_it_end:
        store._opened().execute("PRAGMA max_page_count = 1000000")
        await until(client, lambda: client.storage == "persistent")
        assert await client.add(B) == "persistent"
    await client.close()
    queue = names(stored(path))
    assert queue[0] == first.id
    assert len(set(queue)) == len(queue) == (502 if does_it_end else 1)
    next_run = opened(path)
    third = next_run.add(C)
    assert third.id not in queue
    sent = {first.id, *(write.operation_id for write in client._engine.core._session.collections.queue)}  # type: ignore[union-attr]
    assert third.id not in sent, "the service may know this number as another change's"
    await next_run.close()


class SwitchedStore(MemoryStore):
    """Fails while it is off, and counts what is saved."""

    is_off = False
    saves = 0

    def save(self, user_id: str, changes: Changes) -> None:
        self._check()
        self.saves += 1
        super().save(user_id, changes)

    def load(self, user_id: str) -> UserState | None:
        self._check()
        return super().load(user_id)

    def erase(self, user_id: str) -> None:
        self._check()
        super().erase(user_id)

    def close(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.is_off:
            raise OSError


@pytest.fixture
def store() -> SwitchedStore:
    return SwitchedStore()


async def test_the_changes_of_one_turn_are_stored_and_told_together(store: SwitchedStore) -> None:
    updates: list[Event] = []
    async with Client(NOWHERE, store) as client:
        client.sign_in("alice", get_token)
        client.disconnect()
        client.subscribe(lambda event: updates.append(event) if isinstance(event, Updated) else None)
        saves = store.saves
        operations = [client.add(A), client.add(B), *client.add_many([C, D]), client.remove(A)]
        operations += client.remove_many([B, C])
        assert ids(client) == {D}
        assert (store.saves, updates) == (saves, [])
        assert [await operation for operation in operations] == ["memory"] * 7
        assert (store.saves, len(updates)) == (saves + 1, 1)
        assert [operation.id.partition(".")[2] for operation in operations] == [*"1234567"]
        assert repr(operations[4]) == f"Operation(id={operations[4].id!r}, operation='remove', content_id={A!r})"


async def test_who_does_not_wait_for_an_operation_any_more_takes_it_from_nobody(store: SwitchedStore) -> None:
    async with Client(NOWHERE, store) as client:
        client.sign_in("alice", get_token)
        first, second = client.add_many([A, B])

        async def wait() -> str:
            return await first

        waiting = asyncio.create_task(wait())
        asyncio.get_running_loop().call_soon(waiting.cancel)
        assert await second == "memory"


async def test_a_list_that_could_not_be_erased_is_told_and_erased_as_soon_as_possible(store: SwitchedStore) -> None:
    told: list[Event] = []
    async with Client(NOWHERE, store) as client:
        client.sign_in("alice", get_token)
        await client.add(A)
        client.subscribe(told.append)
        store.is_off = True
        client.sign_out(erase=True)
        assert [event for event in told if isinstance(event, SignedOut)] == [SignedOut(user_id="alice", erased=False)]
        assert [event.reason for event in told if isinstance(event, Storage)] == ["OSError"]
        assert "alice" in store.user_ids
        store.is_off = False
        await until(client, lambda: "alice" not in store.user_ids)


async def test_lists_of_all_users_are_kept_while_the_store_fails_and_stored_after_it(store: SwitchedStore) -> None:
    async with Client(NOWHERE, store) as client:
        store.is_off = True
        for user_id, content_id in (("alice", A), ("bob", B)):
            client.sign_in(user_id, get_token)
            client.add(content_id)
        client.sign_in("alice", get_token)
        assert ids(client) == {A}
        store.is_off = False
        client.sign_in("bob", get_token)
        assert ids(client) == {B}
    for user_id, content_id in (("alice", A), ("bob", B)):
        state = store.load(user_id)
        assert state is not None
        assert [write.content_id for write in state.queue] == [content_id]


async def test_a_store_that_fails_at_the_end_is_told_too(store: SwitchedStore) -> None:
    told: list[Event] = []
    client = Client(NOWHERE, store)
    client.sign_in("alice", get_token)
    client.subscribe(told.append)
    store.is_off = True
    await client.close()
    assert [event.reason for event in told if isinstance(event, Storage)] == ["OSError"]


async def test_the_list_is_the_same_object_until_it_changes_and_knows_what_it_has(store: SwitchedStore) -> None:
    async with Client(NOWHERE, store) as client:
        assert client.items is client.items
        assert not client.has(A)
        client.sign_in("alice", get_token)
        client.add(A)
        before = client.items
        client.disconnect()
        await asyncio.sleep(0)
        assert client.items is before
        assert client.has(A.upper())
        assert not client.has(B)
        client.remove(A)
        assert not client.has(A)
        with pytest.raises(ValueError, match="content_id"):
            client.has("movie-1")


async def test_a_closed_client_is_opened_again_with_what_it_has_stored(tmp_path: Path) -> None:
    client = opened(tmp_path / "client.db")
    await client.add(A)
    await asyncio.gather(client.close(), client.close())
    assert ids(client) == {A}
    between = opened(tmp_path / "client.db")
    await between.add(B)
    await between.close()
    client.sign_in("alice", get_token)
    assert ids(client) == {A, B}
    await client.close()
