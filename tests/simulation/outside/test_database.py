"""The simulated database: away, read-only, killed in a commit, restored; each as the real store answers it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from actors.messages.journal import Operation, Outcome
from actors.messages.store import BatchCommitted, CommitBatch, FindHeads, HeadsFound, Prepare
from simulation.outside.database import EPOCH, SimulatedDatabase, new_files
from storage.journal.history import HistoryLimits
from storage.processes.wire import LENGTH_BYTES, Failed, decode_answer, encode
from tests.storage.author import Author


@pytest.fixture
def database() -> Iterator[SimulatedDatabase]:
    files = new_files()
    database = SimulatedDatabase(files, lambda: 1_764_000_000_000, lambda: 0.0, HistoryLimits())
    yield database
    database.close()
    files.remove()


@pytest.fixture
def author() -> Author:
    return Author()


def request(asked: CommitBatch | FindHeads | Prepare) -> bytes:
    return bytes(encode(asked)[LENGTH_BYTES:])


def ask(database: SimulatedDatabase, asked: CommitBatch | FindHeads | Prepare) -> object:
    answer = database.answer(request(asked), is_write=not isinstance(asked, FindHeads))
    return decode_answer(bytes(answer[LENGTH_BYTES:]))


def commit(database: SimulatedDatabase, operation: Operation) -> Outcome:
    answer = ask(database, CommitBatch((operation,)))
    assert isinstance(answer, BatchCommitted)
    return answer.outcomes[0]


def head(database: SimulatedDatabase) -> tuple[int, str]:
    answer = ask(database, FindHeads(("ann",)))
    assert isinstance(answer, HeadsFound)
    return answer.heads[0].revision, answer.heads[0].epoch


def test_one_that_is_read_only_is_read_and_not_written(database: SimulatedDatabase, author: Author) -> None:
    commit(database, author.add("alien"))
    database.protect()
    for _ in range(2):  # a connection that has failed is opened again
        refusal = ask(database, CommitBatch((author.add("brazil"),)))
        assert isinstance(refusal, Failed)
        assert (refusal.kind, "readonly" in refusal.text) == ("unavailable", True)
    assert head(database) == (1, EPOCH)
    database.unprotect()
    assert commit(database, author.add("charade")).revision == 2


def test_a_writer_that_is_killed_in_a_commit_leaves_nothing_of_it(database: SimulatedDatabase, author: Author) -> None:
    commit(database, author.add("alien"))
    database.kill_writer_at(request(CommitBatch((author.add("brazil"),))))
    assert head(database) == (1, EPOCH)
    assert commit(database, author.add("charade")).revision == 2


def test_a_kill_that_comes_to_nothing_leaves_no_trap(database: SimulatedDatabase, author: Author) -> None:
    database.is_away = True
    database.kill_writer_at(request(CommitBatch((author.add("alien"),))))
    database.is_away = False
    assert commit(database, author.add("brazil")).revision == 1


def test_a_backup_that_is_restored_is_refused_until_its_epoch_is_renewed(
    database: SimulatedDatabase, author: Author
) -> None:
    commit(database, author.add("alien"))
    assert not database.has_backup
    database.back_up()
    commit(database, author.add("brazil"))
    for times in (1, 2):
        database.restore()
        assert isinstance(ask(database, Prepare()), Failed)
        database.renew_epoch()
        assert not isinstance(ask(database, Prepare()), Failed)
        assert head(database) == (1, f"restored-{times}")
        assert commit(database, author.add("charade")).revision == 2


def test_what_was_ever_committed_is_kept_apart(database: SimulatedDatabase, author: Author) -> None:
    commit(database, author.add("alien"))
    with closing(sqlite3.connect(database.file)) as connection:
        assert connection.execute("SELECT revision, content_id FROM simulation_archive").fetchall() == [
            (1, author.content("alien"))
        ]
