"""The daemon's way to the store: real processes, stopped, killed and cut off at every step."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Protocol
from uuid import UUID

import psycopg
import pytest
import uvloop
from msgspec import structs

import storage
from actors.errors import StoreDefect, StoreUnavailable
from actors.messages.journal import Changes, Operation, Page, Status
from actors.messages.store import (
    BatchCommitted,
    CommitBatch,
    Done,
    FindChanges,
    FindHeads,
    FindPage,
    FindRevocations,
    FindSince,
    RevokeToken,
)
from storage.client import StoreProcesses
from storage.journal_store import open_store
from storage.schema import renew_epoch
from tests.processes import is_running, store_process, wait_until_gone
from tests.timeouts import TIMEOUT_S

DEADLINE_S = 1.5


class Writes(Protocol):
    def add(self, name: str, **options: object) -> Operation: ...


class Store:
    """The processes of a test, and how often each was started anew."""

    def __init__(self, url: str, deadline_s: float, replica_url: str | None) -> None:
        self.restarts: Counter[str] = Counter()
        self.client = StoreProcesses(
            url, self.restarts, replica_url=replica_url, write_deadline_s=deadline_s, read_deadline_s=deadline_s
        )

    async def commit(self, *operations: Operation) -> BatchCommitted:
        return await self.client.write(CommitBatch(operations))

    async def revision(self, user_id: str = "ann") -> int:
        return (await self.client.read(FindHeads((user_id,)))).heads[0].revision

    async def in_the_end(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Return when ``attempt`` succeeds: a process that has just been started may not be in time yet."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    await attempt()
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
                else:
                    return


@asynccontextmanager
async def running(url: str, deadline_s: float = TIMEOUT_S, replica_url: str | None = None) -> AsyncIterator[Store]:
    store = Store(url, deadline_s, replica_url)
    try:
        await store.client.start()
        yield store
    finally:
        await store.client.close()


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            if is_running(pid):
                os.kill(pid, signal.SIGCONT)


# What goes through


async def test_what_was_written_is_read_as_it_was_written(database_url: str, author: Writes) -> None:
    operation = author.add("alien", operation_id="op", tag="phone:1", observed=0)
    async with running(database_url) as store:
        (outcome,) = (await store.commit(operation)).outcomes
        assert (outcome.status, outcome.is_new) == (Status.ADDED, True)
        assert outcome.update is not None
        page = await store.client.read(FindPage("ann", 10, None))
        changes = await store.client.read(FindChanges("ann", 0, 10, None))
        since = await store.client.read(FindSince("ann", 0, None))
        snapshot = await store.client.read(FindSince("ann", 0, "another"))
        assert (await store.commit(operation)).outcomes == (structs.replace(outcome, is_new=False),)
    in_process = open_store(database_url, now_ms=lambda: 0)
    assert page == in_process.page("ann", 10, None)
    assert changes == in_process.changes("ann", 0, 10, None)
    assert since == in_process.since("ann", 0, None)
    assert snapshot == in_process.since("ann", 0, "another")
    assert outcome.update == since.updates[0]  # type: ignore[union-attr] # it is no snapshot
    in_process.close()


async def test_a_read_sees_what_was_answered_before(database_url: str, author: Writes) -> None:
    async with running(database_url) as store:
        for number in range(1, 51):
            await store.commit(author.add(str(number)))
            assert await store.revision() == number


async def test_answers_come_in_the_order_asked_and_to_nobody_who_has_gone(database_url: str, author: Writes) -> None:
    async with running(database_url) as store:
        writes = [store.client.write(CommitBatch((author.add(str(number)),))) for number in range(20)]
        writes[3].cancel()
        done = await asyncio.gather(*writes, return_exceptions=True)
        revisions = [each.outcomes[0].revision for each in done if isinstance(each, BatchCommitted)]
        assert revisions == [1, 2, 3, *range(5, 21)]


async def test_the_reader_cannot_write(database_url: str) -> None:
    async with running(database_url) as store:
        with pytest.raises(StoreUnavailable, match=r"read.?only"):
            await store.client.read(RevokeToken("t", None))
        assert await store.client.write(RevokeToken("t", None)) == Done()
        found = await store.client.read(FindRevocations(0))
        assert (found.version, found.tokens) == (1, (("t", None),))


async def test_an_answer_may_be_larger_than_any_buffer(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        operations = tuple(author.add(str(number), operation_id="x" * 100 + str(number)) for number in range(20_000))
        for start in range(0, len(operations), 5_000):
            await store.commit(*operations[start : start + 5_000])
        page = await store.client.read(FindPage("ann", 30_000, None))
    assert len(page.items) == 20_000  # type: ignore[union-attr] # it has not expired


def test_it_works_on_uvloop_too(sqlite_url: str, author: Writes) -> None:
    async def write() -> None:
        async with running(sqlite_url, DEADLINE_S) as store:
            await store.commit(author.add("alien"))
            os.kill(store.client.pids()["writer"], signal.SIGKILL)
            await store.in_the_end(lambda: store.commit(author.add("brazil")))
            assert await store.revision() == 2

    uvloop.run(write())


# What cannot go through


async def test_an_operation_that_cannot_be_sent_is_a_defect(sqlite_url: str, author: Writes) -> None:
    unspeakable = structs.replace(author.add("alien"), device_id="\ud800")
    impossible = structs.replace(author.add("alien").timestamp, physical=1 << 60)
    async with running(sqlite_url) as store:
        with pytest.raises(StoreDefect, match="CommitBatch cannot be sent"):
            await store.commit(unspeakable)
        with pytest.raises(StoreDefect, match="physical"):
            await store.commit(structs.replace(author.add("alien"), timestamp=impossible))
        await store.commit(author.add("alien"))
        assert not store.restarts


async def test_what_the_store_raises_is_a_defect_with_its_traceback(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        wrong = structs.replace(author.add("alien").change, content_id=UUID(int=1))
        with pytest.raises(StoreDefect, match="Traceback"):
            await store.client.read(FindPage("ann", -(1 << 62), None))
        await store.commit(structs.replace(author.add("alien"), change=wrong))


@pytest.mark.parametrize(
    ("url", "error"), [("no url", ValueError), ("mysql://localhost/x", ValueError), ("sqlite:////dev/null/x", OSError)]
)
async def test_a_database_that_cannot_be_opened_is_an_error_of_the_start(url: str, error: type[Exception]) -> None:
    expected = StoreUnavailable if error is OSError else error
    with pytest.raises(expected):
        async with running(url):
            pass


async def test_a_server_that_never_says_a_word_ends_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreUnavailable, match="postgresql: "):
        async with running(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x"):
            pass


async def test_a_row_that_cannot_be_sent_back_is_a_defect_of_its_reader_alone(
    sqlite_url: str, tmp_path: Path, author: Writes
) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"), author.add("alien", user="bob"))
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as connection:
            connection.execute("UPDATE operations SET node = ? WHERE user_id = 'ann'", ("n" * 200,))
        reads = [store.client.read(FindSince(name, 0, None)) for name in ("ann", "bob")]
        with pytest.raises(StoreDefect, match="an answer cannot be read"):
            await reads[0]
        assert (await reads[1]).revision == 1
        assert not store.restarts


# A replica


@pytest.fixture
def replica_url(sqlite_url: str, tmp_path: Path, author: Writes) -> str:
    """A copy in which a list is another, so that it shows who was asked."""
    store = open_store(sqlite_url, now_ms=lambda: 0)
    store.commit([author.add("alien")])
    store.close()
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "journal.db", copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("UPDATE entries SET device_id = 'replica'")
    return f"sqlite:///{copy}"


async def page_of(store: Store) -> list[str]:
    """Return the devices in the list of ann."""
    page = await store.client.read(FindPage("ann", 10, None))
    assert isinstance(page, Page)
    return [item.device_id for item in page.items]


async def test_lists_are_read_from_a_replica_while_it_is_not_behind(
    sqlite_url: str, replica_url: str, author: Writes
) -> None:
    async with running(sqlite_url, replica_url=replica_url) as store:
        assert await page_of(store) == ["replica"]
        await store.commit(author.add("brazil"))
        assert await page_of(store) == ["tv", "tv"]
        changes = await store.client.read(FindSince("ann", 2, None))
        assert isinstance(changes, Changes)  # to the replica, revision 2 is from another life
        assert changes.updates == ()


async def test_a_replica_of_another_epoch_is_left_alone(sqlite_url: str, replica_url: str) -> None:
    renew_epoch(replica_url)
    async with running(sqlite_url, replica_url=replica_url) as store:
        assert await page_of(store) == ["tv"]


async def test_a_replica_that_does_not_answer_is_said_and_missed_by_nobody(
    sqlite_url: str, replica_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    Path(replica_url.removeprefix("sqlite:///")).write_text("no database at all")
    async with running(sqlite_url, replica_url=replica_url) as store:
        assert await page_of(store) == ["tv"]
        assert await page_of(store) == ["tv"]
    (record,) = [record for record in caplog.records if record.name == "storage.replica"]
    assert (record.levelname, record.getMessage()[:30]) == ("WARNING", "the replica does not answer, a")


# Processes that hang or die


async def test_a_writer_that_hangs_is_replaced_and_readers_do_not_notice(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url, DEADLINE_S) as store:
        await store.commit(author.add("alien"))
        hanging = store.client.pids()["writer"]
        with frozen(hanging):
            waiting = store.client.write(CommitBatch((author.add("brazil"),)))
            assert await store.revision() == 1
            with pytest.raises(StoreUnavailable, match="the writer did not answer within"):
                await waiting
            wait_until_gone(hanging)
        await store.in_the_end(lambda: store.commit(author.add("brazil", operation_id="op")))
        assert store.restarts["reader"] == 0
        assert store.restarts["writer"] >= 1


async def test_a_reader_that_hangs_is_replaced_and_writers_do_not_notice(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url, DEADLINE_S) as store:
        hanging = store.client.pids()["reader"]
        with frozen(hanging):
            waiting = [store.client.read(FindHeads((name,))) for name in "abc"]
            await store.commit(author.add("alien"))
            for read in waiting:
                with pytest.raises(StoreUnavailable, match="the reader did not answer within"):
                    await read
        await store.in_the_end(store.revision)
        assert store.restarts["writer"] == 0


async def test_a_process_that_dies_with_nothing_to_do_is_replaced_at_once(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"))
        died = store.client.pids()["writer"]
        os.kill(died, signal.SIGKILL)
        await store.in_the_end(lambda: store.commit(author.add("brazil")))
        assert store.client.pids()["writer"] != died
        assert store.restarts == {"writer": 1}


async def test_a_writer_that_dies_within_its_transaction_has_written_nothing(
    sqlite_url: str, tmp_path: Path, author: Writes
) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"))
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = store.client.write(CommitBatch((author.add("brazil"),)))
        behind = store.client.write(CommitBatch((author.add("casablanca"),)))
        os.kill(store.client.pids()["writer"], signal.SIGKILL)
        for write in (waiting, behind):
            with pytest.raises(StoreUnavailable, match="the writer has ended"):
                await write
        other.execute("ROLLBACK")
        other.close()
        assert await store.revision() == 1
        await store.commit(author.add("brazil"))
        assert await store.revision() == 2


async def test_a_write_whose_answer_is_lost_is_found_by_its_operation_id(sqlite_url: str, author: Writes) -> None:
    in_process = open_store(sqlite_url, now_ms=lambda: 0)
    operation = author.add("alien", operation_id="op")
    async with running(sqlite_url) as store:
        lost = store.client.write(CommitBatch((operation,)))
        while in_process.heads(["ann"])[0].revision == 0:  # it commits, while nobody here takes its answer
            time.sleep(0.01)  # noqa: ASYNC251 - on purpose: see above
        store.client.give_up()
        with pytest.raises(StoreUnavailable):
            await lost
    in_process.close()
    async with running(sqlite_url) as store:
        again = (await store.commit(operation)).outcomes[0]
        assert (again.revision, again.is_new) == (1, False)
        assert await store.revision() == 1


async def test_one_that_dies_again_and_again_is_started_ever_more_slowly(tmp_path: Path) -> None:
    async with running(f"sqlite:///{tmp_path}/journal.db") as store:
        began_s = time.monotonic()
        for _ in range(4):
            os.kill(store_process(os.getpid(), "writer"), signal.SIGKILL)
            restarts = store.restarts["writer"]
            async with asyncio.timeout(TIMEOUT_S):
                while store.restarts["writer"] == restarts:
                    await asyncio.sleep(0.01)
        assert time.monotonic() - began_s >= 0.1 + 0.2 + 0.4


async def test_a_daemon_that_was_paused_does_not_blame_its_processes(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url, DEADLINE_S) as store:
        await store.in_the_end(lambda: store.commit(author.add("alien")))
        writer = store.client.pids()["writer"]
        with frozen(writer):
            waiting = store.client.write(CommitBatch((author.add("brazil"),)))
            await asyncio.sleep(0)
            time.sleep(DEADLINE_S + 1.2)  # noqa: ASYNC251 - the pause
            await asyncio.sleep(0.1)  # timers that are late
        await waiting
        assert store.client.pids()["writer"] == writer


async def test_signals_for_the_daemon_do_not_end_its_processes(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        for pid in store.client.pids().values():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
            assert os.getpgid(pid) != os.getpgid(0)
        await store.commit(author.add("alien"))
        assert await store.revision() == 1
        assert not store.restarts


# The end


async def test_closing_ends_both_processes_and_tidies_up(sqlite_url: str, tmp_path: Path, author: Writes) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"))
        processes = store.client.pids()
    assert [is_running(pid) for pid in processes.values()] == [False, False]
    assert [file.name for file in tmp_path.iterdir()] == ["journal.db"]
    with pytest.raises(StoreUnavailable, match="was stopped"):
        await store.commit(author.add("brazil"))
    await store.client.close()


async def test_giving_up_answers_everybody_at_once(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        processes = store.client.pids()
        with frozen(*processes.values()):
            writing = store.client.write(CommitBatch((author.add("alien"),)))
            reading = store.client.read(FindHeads(("ann",)))
            store.client.give_up()
            with pytest.raises(StoreUnavailable, match="was stopped"):
                await writing
            with pytest.raises(StoreUnavailable, match="was stopped"):
                await reading
            for pid in processes.values():
                wait_until_gone(pid)
    assert not store.restarts


def worker(descriptor: int, parent: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "storage.worker", "writer", str(descriptor), str(parent)],
        cwd=Path(storage.__file__).parent.parent,
        pass_fds=(descriptor,),
    )


def test_a_process_ends_with_its_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, worker(theirs.fileno(), os.getpid()) as process:
        theirs.close()
        ours.close()
        assert process.wait(TIMEOUT_S) == 0


def test_a_process_whose_parent_is_gone_already_does_not_begin() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, worker(theirs.fileno(), 1) as process:
        assert process.wait(TIMEOUT_S) == 1


# PostgreSQL


@contextmanager
def frozen_postgresql(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    postmaster = int((Path(row[0]) / "postmaster.pid").read_text().split()[0])
    backends = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    with frozen(postmaster, *map(int, backends)):
        yield


@pytest.mark.integration
async def test_a_frozen_postgresql_costs_the_deadline_and_works_again_when_it_thaws(
    postgresql_url: str, author: Writes
) -> None:
    async with running(postgresql_url, DEADLINE_S) as store:
        await store.in_the_end(lambda: store.commit(author.add("alien")))
        await store.in_the_end(store.revision)
        with frozen_postgresql(postgresql_url):
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await store.commit(author.add("brazil"))
                with pytest.raises(StoreUnavailable):
                    await store.revision()
        await store.in_the_end(lambda: store.commit(author.add("brazil")))
        await store.in_the_end(store.revision)
        assert store.restarts["writer"] >= 1
        assert store.restarts["reader"] >= 1
