"""``kill -9`` in a storm of writes: every acknowledged write is there afterwards, once, and no revision is missing."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import storage
from actors.messages.journal import Changes
from storage.journal_store import open_store
from tests.processes import store_process, wait_until_gone

USERS = ("ann", "bob", "cid")
Acknowledged = dict[str, tuple[str, int]]
"""Operation id -> its user and revision."""

# Keeps a hundred writes under way; says "ack <user> <revision> <operation_id>" when the journal has answered, and
# "restarts <number>" when it has been answered something at all.
STORM = """
import asyncio, os, sys, time
from itertools import count
from uuid import UUID
from actors.journal.journal import Journal
from actors.messages.change import Change
from actors.messages.journal import Commit, Operation
from actors.metrics import JournalMetrics
from crdt.hlc import HLCTimestamp
from storage.client import StoreProcesses

async def storm(url, users, turn):
    metrics = JournalMetrics()
    store = StoreProcesses(url, metrics.child_restarts)
    await store.start()
    journal = Journal.start(store, metrics)
    waiting = asyncio.Semaphore(100)

    def acknowledge(committed):
        said = ""
        for outcome in committed.outcomes:
            update = outcome.update
            if update:
                said += f"ack {update.user_id} {update.revision} {update.change.operation_id}\\n"
            waiting.release()
        os.write(1, f"{said}restarts {metrics.child_restarts['writer']}\\n".encode())

    for number in count():
        await waiting.acquire()
        journal.tell(Commit(Operation(
            user_id=users[number % len(users)],
            device_id="tv",
            change=Change("remove" if number % 7 > 4 else "add", UUID(int=number % 11), f"{turn}-{number}"),
            timestamp=HLCTimestamp(time.time_ns() // 1_000_000, 0, "n"),
        ), acknowledge))

asyncio.run(storm(sys.argv[1], sys.argv[2].split(","), sys.argv[3]))
"""


@contextmanager
def storm(url: str, turn: int) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", STORM, url, ",".join(USERS), str(turn)],
        cwd=Path(storage.__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as writing:
        try:
            yield writing
        finally:
            writing.kill()


def note(line: str, acknowledged: Acknowledged) -> bool:
    """Note what ``line`` says; return whether it acknowledges a write."""
    word, *rest = line.split()
    if word == "ack":
        user, revision, operation_id = rest
        acknowledged[operation_id] = (user, int(revision))
    return word == "ack"


def read_acks(output: IO[str], count: int, acknowledged: Acknowledged) -> None:
    while count:
        count -= note(output.readline(), acknowledged)


@pytest.mark.integration
def test_every_acknowledged_write_outlives_kill_nine_of_the_daemon(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    acknowledged: Acknowledged = {}
    chance = random.Random(7)
    for turn in range(6):
        with storm(url, turn) as daemon:
            assert daemon.stdout is not None
            read_acks(daemon.stdout, chance.randint(1, 300), acknowledged)
            processes = [store_process(daemon.pid, name) for name in ("writer", "reader")]
            daemon.kill()
            for line in daemon.stdout:
                note(line, acknowledged)
        for process in processes:
            wait_until_gone(process)
        check_history(url, acknowledged)


@pytest.mark.integration
def test_every_acknowledged_write_outlives_kill_nine_of_the_writer_and_writing_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    acknowledged: Acknowledged = {}
    chance = random.Random(7)
    with storm(url, 0) as daemon:
        assert daemon.stdout is not None
        for kills in range(1, 11):
            read_acks(daemon.stdout, chance.randint(1, 300), acknowledged)
            os.kill(store_process(daemon.pid, "writer"), signal.SIGKILL)
            while (line := daemon.stdout.readline()) != f"restarts {kills}\n":
                note(line, acknowledged)
        read_acks(daemon.stdout, 200, acknowledged)
        daemon.kill()
        for line in daemon.stdout:
            note(line, acknowledged)
    check_history(url, acknowledged)


def check_history(url: str, acknowledged: Acknowledged) -> None:
    store = open_store(url, now_ms=lambda: 0)
    recorded: Acknowledged = {}
    for user in USERS:
        changes = store.since(user, 0, None)
        assert isinstance(changes, Changes)
        assert [update.revision for update in changes.updates] == list(range(1, changes.revision + 1))
        for update in changes.updates:
            assert update.change.operation_id is not None
            assert update.change.operation_id not in recorded
            recorded[update.change.operation_id] = (user, update.revision)
    store.close()
    assert acknowledged.items() <= recorded.items()
