"""What is saved is loaded again: in memory, and in a file across closing and opening."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs
from syncd_client import MemoryStore, SqliteStore, Store, StoreInUseError, Timestamp
from syncd_client.data.user_state import Changes, ConfirmedItem, Head, ListHead, PendingWrite, UserState

Reopen = Callable[[], Store]

HEAD = Head(replica="r1", adds=2, operations=3, clock=Timestamp(5, 6, "r1"), revision=7, epoch="e1")


def item(name: str, rank: int = 0) -> ConfirmedItem:
    return ConfirmedItem(name, Timestamp(1, 2, "tv"), rank, "tv")


def write(number: int, *, is_unstamped: bool = False) -> PendingWrite:
    return PendingWrite(
        operation_id=f"r1.{number}",
        operation="add",
        content_id="a",
        tag=f"r1:{number}",
        observed=0,
        timestamp=Timestamp(number, 0, "r1"),
        is_unstamped=is_unstamped,
    )


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Give what closes the store and opens it again; memory is not closed, as it would be gone."""
    if request.param == "memory":
        memory = MemoryStore()
        yield lambda: memory
        return
    opened: list[SqliteStore] = []

    def open_again() -> Store:
        while opened:
            opened.pop().close()
        opened.append(SqliteStore(tmp_path / "client.db"))
        return opened[0]

    yield open_again
    opened[0].close()


def test_of_a_new_user_nothing_is_stored(reopen: Reopen) -> None:
    assert reopen().load("alice") is None


def test_everything_saved_is_loaded_and_the_queue_keeps_its_order(reopen: Reopen) -> None:
    store = reopen()
    first = write(1)
    store.save("alice", Changes(head=HEAD, queue={"r1.1": first, "r1.2": write(2), "r1.3": write(3)}))
    changed = write(1, is_unstamped=True)
    store.save("alice", Changes(head=HEAD, items={"b": item("b"), "a": item("a")}, queue={"r1.1": changed}))
    store.save("alice", Changes(head=HEAD, items={"b": None}, queue={"r1.2": None}))
    assert reopen().load("alice") == UserState(HEAD, (item("a"),), (changed, write(3)))


def test_a_content_whose_id_looks_like_one_in_a_list_is_kept_beside_that(reopen: Reopen) -> None:
    """Where ids are any text: ``movie/1`` of the watchlist, ``1`` of the list ``movie``."""
    items = (item("1"), item("movie/1"), item("/1"), structs.replace(item("1"), list="movie"))
    store = reopen()
    store.save("alice", Changes(head=HEAD, items={each.key: each for each in items}))
    state = reopen().load("alice")
    assert state is not None
    assert {(each.list, each.content_id) for each in state.items} == {(each.list, each.content_id) for each in items}


def test_what_an_earlier_version_kept_under_another_key_is_changed_and_not_doubled(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    store.save("alice", Changes(head=HEAD, items={"movie/1": item("movie/1"), "movie/2": item("movie/2")}))
    state = store.load("alice")
    assert state is not None
    first, second = state.items
    store.save("alice", Changes(head=HEAD, items={first.key: None, second.key: structs.replace(second, rank=9)}))
    store.close()
    state = store.load("alice")
    store.close()
    assert state is not None
    assert state.items == (structs.replace(second, rank=9),)


def test_a_snapshot_leaves_nothing_of_the_old_list(reopen: Reopen) -> None:
    store = reopen()
    store.save("alice", Changes(head=HEAD, items={"a": item("a"), "b": item("b", 1)}))
    store.save("alice", Changes(head=HEAD, replaces_items=True, items={"b": item("b", 2)}))
    assert reopen().load("alice") == UserState(HEAD, (item("b", 2),))


def test_erasing_one_user_leaves_the_others(reopen: Reopen) -> None:
    store = reopen()
    for user in ("alice", "bob"):
        store.save(user, Changes(head=HEAD, items={"a": item("a")}, queue={"r1.1": write(1)}))
    store.erase("alice")
    store = reopen()
    assert store.load("alice") is None
    assert store.load("bob") == UserState(HEAD, (item("a"),), (write(1),))


def test_nothing_of_who_was_erased_is_left_in_a_file_that_stays_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "client.db")
    store.save("bob", Changes(head=HEAD, items={"b": item("b")}))
    for number in range(50):
        letter = structs.replace(item(f"a{number}"), data={"note": f"a letter {number}"})
        store.save("alice", Changes(head=HEAD, items={letter.key: letter}, queue={f"r1.{number}": write(number)}))
    store.erase("alice")
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"alice" not in left
    assert b"a letter" not in left
    assert b"bob" in left
    store.close()


def test_the_shape_of_what_a_file_holds_does_not_change(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}, queue={"r1.1": write(1, is_unstamped=True)}))
    store.close()
    with sqlite3.connect(path) as database:
        rows = [database.execute(f"SELECT * FROM {table}").fetchall() for table in ("heads", "items", "operations")]
    database.close()
    clock = '{"physical":5,"logical":6,"node":"r1"}'
    head = f'{{"replica":"r1","adds":2,"operations":3,"clock":{clock},"revision":7,"epoch":"e1"}}'
    confirmed = '{"content_id":"a","timestamp":{"physical":1,"logical":2,"node":"tv"},"rank":0,"device_id":"tv"}'
    queued = (
        '{"operation_id":"r1.1","operation":"add","content_id":"a","tag":"r1:1","observed":0,'
        '"timestamp":{"physical":1,"logical":0,"node":"r1"},"is_stamped_by_service":true}'
    )
    assert rows == [[("alice", head)], [("alice", "a", confirmed)], [(1, "alice", "r1.1", queued)]]


def test_a_file_is_of_the_first_version_until_there_is_a_list_beside_the_watchlist(tmp_path: Path) -> None:
    def version() -> int:
        with sqlite3.connect(path) as database:
            (found,) = database.execute("PRAGMA user_version").fetchone()
        database.close()
        return int(found)

    path = tmp_path / "client.db"
    store = SqliteStore(path)
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}, queue={"r1.1": write(1)}))
    store.close()
    assert version() == 1
    listed = structs.replace(item("a"), list="kids", position="V", data={"n": 1})
    queued = structs.replace(write(2), list="kids")
    store.save("alice", Changes(head=HEAD, queue={"r1.2": queued}))
    store.save("alice", Changes(head=HEAD, items={listed.key: listed}))
    state = store.load("alice")
    assert state is not None
    assert sorted(state.items, key=lambda each: each.key) == [item("a"), listed]
    assert state.queue == (write(1), queued)
    store.close()
    assert version() == 2
    assert store.load("alice") == state
    store.close()


def test_a_file_with_registers_is_of_the_third_version_and_has_them_beside_the_lists(
    reopen: Reopen, tmp_path: Path
) -> None:
    progress = structs.replace(item("a"), registers="progress", data={"position_seconds": 7, "state": "paused"})
    said = structs.replace(write(2), operation="update", tag=None, registers="progress", data=progress.data)
    head = structs.replace(HEAD, registers={"progress": ListHead(revision=3, epoch="e1")})
    store = reopen()
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}))
    store.save("alice", Changes(head=head, items={progress.key: progress}, queue={"r1.2": said}))
    state = reopen().load("alice")
    assert state == UserState(head, (item("a"), progress), (said,))
    if isinstance(store, SqliteStore):
        reopen().close()
        with sqlite3.connect(tmp_path / "client.db") as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
        database.close()
        assert version == 3


def test_a_file_serves_one_client_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    store, other = SqliteStore(path), SqliteStore(path)
    assert store.load("alice") is None
    for _ in range(2):
        with pytest.raises(StoreInUseError, match=r"client\.db"):
            other.load("alice")
    store.close()
    store.close()
    assert other.load("alice") is None
    with pytest.raises(StoreInUseError):
        store.erase("alice")
    other.close()


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(sqlite3.DatabaseError, match="version 9"):
        SqliteStore(path).load("alice")


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    path.write_text("a letter to my aunt, of more than a hundred characters, " * 4)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteStore(path).save("alice", Changes(head=HEAD))
    assert path.read_text().startswith("a letter")


@pytest.mark.parametrize("value", ["no JSON", "7", b"\xff", None])
def test_what_another_program_has_put_into_a_file_is_told(tmp_path: Path, value: object) -> None:
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}))
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE items SET value = coalesce(?, 0.5)", (value,))
    database.close()
    with closing(SqliteStore(path)) as store, pytest.raises(sqlite3.DatabaseError, match="cannot be read"):
        store.load("alice")


def test_a_failed_save_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "client.db")
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}))
    broken = Changes(head=Head(replica="r2"), items={"b": item("b")}, queue={"r1.1": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        store.save("alice", broken)
    assert store.load("alice") == UserState(HEAD, (item("a"),))
    store.close()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_names_no_file_is_refused_with_what_there_is_without_one(path: str) -> None:
    with pytest.raises(ValueError, match=r"^path: .*MemoryStore\(\)"):
        SqliteStore(path)


def test_a_path_means_the_same_file_wherever_the_process_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("client.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.save("alice", Changes(head=HEAD))
    store.close()
    assert (tmp_path / "client.db").exists()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_gone_is_told_before_anything_is_written_and_then_there_is_another(
    tmp_path: Path, is_replaced: bool
) -> None:
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}))
    if is_replaced:
        with closing(SqliteStore(tmp_path / "other.db")) as other:
            other.save("alice", Changes(head=HEAD, items={"b": item("b")}))
        (tmp_path / "other.db").rename(path)
    else:
        path.unlink()
    with pytest.raises(sqlite3.OperationalError, match="was deleted or replaced"):
        store.save("alice", Changes(head=HEAD, items={"c": item("c")}))
    assert store.load("alice") == (UserState(HEAD, (item("b"),)) if is_replaced else None)
    store.close()
