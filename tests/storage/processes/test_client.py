"""The daemon's way to the store: real processes, stopped, killed and cut off at every step."""

import asyncio
import os
import resource
import signal
import socket
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest
import uvloop
from msgspec import structs

from actors.errors import StoreUnavailable, ValueRefused
from actors.messages.store import (
    BatchCommitted,
    CommitBatch,
    FindHeads,
)
from storage.journal.journal_store import open_store
from storage.processes.client import MIN_BACKOFF_S, StoreProcesses
from storage.rules.bounds import Bounds
from tests.processes import frozen, frozen_postgresql, is_running, store_process, wait_until_gone
from tests.storage.store_processes import DEADLINE_S, Writes, now, running
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


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


def test_a_process_that_dies_is_replaced_on_uvloop_too(sqlite_url: str, author: Writes) -> None:
    async def write() -> None:
        async with running(sqlite_url, DEADLINE_S) as store:
            await store.commit(author.add("alien"))
            os.kill(store.client.pids()["writer"], signal.SIGKILL)
            await store.in_the_end(lambda: store.commit(author.add("brazil")))
            assert await store.revision() == 2

    uvloop.run(write())


async def test_an_operation_that_cannot_be_sent_can_never_be_written(sqlite_url: str, author: Writes) -> None:
    unspeakable = structs.replace(author.add("alien"), device_id="\ud800")
    impossible = structs.replace(author.add("alien").timestamp, physical=1 << 60)
    async with running(sqlite_url) as store:
        with pytest.raises(ValueRefused, match="cannot be encoded"):
            await store.commit(unspeakable)
        with pytest.raises(ValueRefused, match="physical"):
            await store.commit(structs.replace(author.add("alien"), timestamp=impossible))
        await store.commit(author.add("alien"))
        assert not store.restarts


async def test_the_start_may_take_longer_than_a_transaction(sqlite_url: str) -> None:
    client = StoreProcesses(sqlite_url, Counter(), write_deadline_s=0.001)
    try:
        await client.start()  # a large table may have to be migrated
    finally:
        await client.close()


async def test_a_server_that_never_says_a_word_ends_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreUnavailable, match="postgresql: "):
        async with running(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x"):
            pass


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
        await store.in_the_end(lambda: store.commit(author.add("brazil", operation_id="op", timestamp=now())))
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


async def test_who_reads_stands_back_for_who_writes_where_processors_are_scarce(sqlite_url: str) -> None:
    async with running(sqlite_url) as store:
        nice = {name: os.getpriority(os.PRIO_PROCESS, pid) for name, pid in store.client.pids().items()}
        assert nice["writer"] == os.getpriority(os.PRIO_PROCESS, 0)
        assert nice["reader"] > nice["writer"]


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
        store.client.write(CommitBatch((author.add("batman"),))).cancel()  # nobody is told of that
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
    operation = author.add("alien", operation_id="op", timestamp=now())
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


async def test_a_process_that_dies_again_and_again_is_started_ever_more_slowly(tmp_path: Path) -> None:
    async with running(f"sqlite:///{tmp_path}/journal.db") as store:
        began_s = time.monotonic()
        for _ in range(4):
            os.kill(store_process(os.getpid(), "writer"), signal.SIGKILL)
            restarts = store.restarts["writer"]
            async with asyncio.timeout(TIMEOUT_S):
                while store.restarts["writer"] == restarts:
                    await asyncio.sleep(0.01)
        assert time.monotonic() - began_s >= 0.1 + 0.2 + 0.4


async def test_a_process_that_has_answered_since_is_started_again_at_once(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        for name in ("alien", "brazil", "casablanca"):
            os.kill(store.client.pids()["writer"], signal.SIGKILL)
            with pytest.raises(StoreUnavailable, match="has ended"):
                await store.commit(author.add(name))
            await store.commit(author.add(name))


async def test_a_process_that_cannot_be_started_again_is_tried_until_it_can(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            os.kill(store.client.pids()["writer"], signal.SIGKILL)
            with pytest.raises(StoreUnavailable, match="has ended"):
                await store.commit(author.add("alien"))
            async with asyncio.timeout(TIMEOUT_S):
                while store.restarts["writer"] < 3:
                    with pytest.raises(StoreUnavailable, match=r"the writer cannot be started: .*open files"):
                        await store.commit(author.add("alien"))
                    await asyncio.sleep(0.01)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await store.in_the_end(lambda: store.commit(author.add("alien")))


async def test_no_process_is_started_again_after_the_end(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url) as store:
        for _ in range(2):  # after the second time it is not started at once
            os.kill(store.client.pids()["writer"], signal.SIGKILL)
            with pytest.raises(StoreUnavailable, match="has ended"):
                await store.commit(author.add("alien"))
        assert "writer" not in store.client.pids()
    await asyncio.sleep(2 * MIN_BACKOFF_S)
    assert not store.client.pids()


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


async def test_closing_ends_both_processes_and_tidies_up(sqlite_url: str, tmp_path: Path, author: Writes) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"))
        processes = store.client.pids()
    assert [is_running(pid) for pid in processes.values()] == [False, False]
    assert {file.name for file in tmp_path.iterdir()} == {"journal.db", "journal.db.high-water"}
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


async def test_a_file_that_is_gone_is_not_made_again_by_a_process_that_replaces_another(
    sqlite_url: str, tmp_path: Path, author: Writes
) -> None:
    async with running(sqlite_url) as store:
        await store.commit(author.add("alien"))
        (tmp_path / "journal.db").rename(tmp_path / "elsewhere.db")
        os.kill(store.client.pids()["writer"], signal.SIGKILL)
        with pytest.raises(StoreUnavailable, match="has ended"):
            await store.commit(author.add("brazil"))
        with pytest.raises(StoreUnavailable, match="was removed while in use"):
            await store.commit(author.add("brazil"))
        (tmp_path / "elsewhere.db").rename(tmp_path / "journal.db")
        await store.commit(author.add("brazil"))
        assert (await store.client.read(FindHeads(("ann",)))).heads[0].revision == 2


async def test_the_processes_keep_to_the_bounds_that_they_are_given(sqlite_url: str, author: Writes) -> None:
    async with running(sqlite_url, bounds=Bounds(items_per_list=1)) as store:
        committed = await store.commit(author.add("alien"), author.add("brazil"))
    assert [outcome.quota for outcome in committed.outcomes] == [None, "items_per_list"]
