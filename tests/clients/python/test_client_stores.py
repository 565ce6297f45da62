"""What is saved is loaded again: in memory, and in a file across closing and opening."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from syncd_client import MemoryStore, SqliteStore, Store, StoreInUseError, Timestamp
from syncd_client.stored import Changes, ConfirmedItem, Head, Operation, Stored

Reopen = Callable[[], Store]

HEAD = Head(replica="r1", adds=2, operations=3, clock=Timestamp(5, 6, "r1"), revision=7, epoch="e1")


def item(name: str, rank: int = 0) -> ConfirmedItem:
    return ConfirmedItem(name, Timestamp(1, 2, "tv"), rank, "tv")


def operation(number: int, *, is_stamped_by_service: bool = False) -> Operation:
    return Operation(
        operation_id=f"r1.{number}",
        operation="add",
        content_id="a",
        tag=f"r1:{number}",
        observed=0,
        timestamp=Timestamp(number, 0, "r1"),
        is_stamped_by_service=is_stamped_by_service,
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
    first = operation(1)
    store.save("alice", Changes(head=HEAD, operations={"r1.1": first, "r1.2": operation(2), "r1.3": operation(3)}))
    changed = operation(1, is_stamped_by_service=True)
    store.save("alice", Changes(head=HEAD, items={"b": item("b"), "a": item("a")}, operations={"r1.1": changed}))
    store.save("alice", Changes(head=HEAD, items={"b": None}, operations={"r1.2": None}))
    assert reopen().load("alice") == Stored(HEAD, (item("a"),), (changed, operation(3)))


def test_a_snapshot_leaves_nothing_of_the_old_list(reopen: Reopen) -> None:
    store = reopen()
    store.save("alice", Changes(head=HEAD, items={"a": item("a"), "b": item("b", 1)}))
    store.save("alice", Changes(head=HEAD, replaces_items=True, items={"b": item("b", 2)}))
    assert reopen().load("alice") == Stored(HEAD, (item("b", 2),))


def test_erasing_one_user_leaves_the_others(reopen: Reopen) -> None:
    store = reopen()
    for user in ("alice", "bob"):
        store.save(user, Changes(head=HEAD, items={"a": item("a")}, operations={"r1.1": operation(1)}))
    store.erase("alice")
    store = reopen()
    assert store.load("alice") is None
    assert store.load("bob") == Stored(HEAD, (item("a"),), (operation(1),))


def test_a_file_serves_one_client_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    store = SqliteStore(path)
    with pytest.raises(StoreInUseError, match=r"client\.db"):
        SqliteStore(path)
    store.close()
    store.close()
    SqliteStore(path).close()


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    SqliteStore(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(sqlite3.DatabaseError, match="version 9"):
        SqliteStore(path)


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    path.write_text("a letter to my aunt, of more than a hundred characters, " * 4)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteStore(path)
    assert path.read_text().startswith("a letter")


def test_a_failed_save_changes_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "client.db")
    store.save("alice", Changes(head=HEAD, items={"a": item("a")}))
    broken = Changes(head=Head(replica="r2"), items={"b": item("b")}, operations={"r1.1": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        store.save("alice", broken)
    assert store.load("alice") == Stored(HEAD, (item("a"),))
    store.close()
