"""A journal's files that are used again: as new to the next database, with the connections of the one before."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from actors.messages.store import BatchCommitted, CommitBatch, FindHeads, HeadsFound
from simulation.outside.database import ARCHIVE, DELETIONS, EPOCH, REGISTERS, SimulatedDatabase, new_files
from simulation.outside.journal_files import JournalFiles
from storage.journal.history import HistoryLimits
from storage.processes.wire import LENGTH_BYTES, decode_answer, encode
from tests.storage.author import Author


@pytest.fixture
def files() -> Iterator[JournalFiles]:
    files = new_files()
    yield files
    files.remove()


def opened(files: JournalFiles) -> SimulatedDatabase:
    return SimulatedDatabase(files, lambda: 1_764_000_000_000, lambda: 0.0, HistoryLimits())


def ask(database: SimulatedDatabase, asked: CommitBatch | FindHeads) -> object:
    request = bytes(encode(asked)[LENGTH_BYTES:])
    answer = database.answer(request, is_write=isinstance(asked, CommitBatch))
    return decode_answer(bytes(answer[LENGTH_BYTES:]))


def head(database: SimulatedDatabase) -> tuple[int, str]:
    found = ask(database, FindHeads(("ann",)))
    assert isinstance(found, HeadsFound)
    return found.heads[0].revision, found.heads[0].epoch


def rows(files: JournalFiles) -> dict[str, int]:
    """How many rows there are in each table that has any."""
    with closing(sqlite3.connect(files.journal)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("is_restored", [False, True])
def test_whatever_a_world_has_left_is_gone_in_the_next(files: JournalFiles, is_restored: bool) -> None:
    author, new = Author(), rows(files)
    database = opened(files)
    ask(database, CommitBatch((author.add("alien"), author.remove("alien"))))
    database.back_up()
    if is_restored:
        database.restore()
        database.renew_epoch()
    with closing(sqlite3.connect(files.journal)) as elsewhere, elsewhere:
        elsewhere.execute(f"INSERT INTO {REGISTERS} VALUES ('ann', 'key', 1, '{{}}')")
        elsewhere.execute("DELETE FROM heads")  # which is noted
    assert rows(files).keys() >= {ARCHIVE, DELETIONS, REGISTERS}
    database.protect()
    database.close()
    files.empty()
    again = opened(files)
    assert rows(files) == new
    assert not again.has_backup
    assert head(again) == (0, EPOCH)
    committed = ask(again, CommitBatch((Author().add("brazil"),)))
    assert isinstance(committed, BatchCommitted)
    assert committed.outcomes[0].revision == 1
    again.close()


def test_a_database_has_the_connections_of_the_one_before_it_which_prepare_nothing_again(files: JournalFiles) -> None:
    connections = []
    for _ in range(2):
        database = opened(files)
        ask(database, CommitBatch((Author().add("alien"),)))
        head(database)
        writer, reader = (store._database._connection for store in (database._writer, database._reader))
        connections.append((writer, reader, files.connect_judge()))
        database.close()
        files.empty()
    assert connections[0] == connections[1]
    assert len(set(map(id, connections[0]))) == 3


def test_a_transaction_ends_with_the_database_that_has_begun_it(files: JournalFiles) -> None:
    database = opened(files)
    head(database)
    connection = database._reader._database._connection
    connection.execute("BEGIN")
    database.close()
    assert not connection.in_transaction


def test_removed_files_leave_nothing_open() -> None:
    files = new_files()
    database = opened(files)
    head(database)
    connection = database._reader._database._connection
    database.close()
    connection.execute("SELECT 1")
    files.remove()
    assert not files.journal.parent.exists()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
