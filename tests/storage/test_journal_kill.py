"""``kill -9`` in a storm of writes: every acknowledged write is there afterwards, once, and no revision is missing."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import storage
from actors.messages.journal import Changes
from storage.journal_store import open_store

ROUNDS = 20
USERS = ("ann", "bob", "cid")

# Imports once and forks a writer for every line it reads; a writer says "ack <user> <revision> <operation_id>" when the
# journal has answered, its parent "died" when it is dead: the pipe keeps the order.
STORM = """
import os, sys, threading, traceback
from itertools import count
from uuid import UUID
from actors.journal.journal import Journal
from actors.metrics import JournalMetrics
from actors.messages.change import Change
from actors.messages.journal import Commit, Operation
from crdt.hlc import HLCTimestamp
from storage.journal_store import open_store

url, users = sys.argv[1], sys.argv[2].split(",")

def storm(turn):
    journal = Journal.start(open_store(url, now_ms=lambda: 1_700_000_000_000), JournalMetrics())
    waiting = threading.Semaphore(100)

    def acknowledge(committed):
        for outcome in committed.outcomes:
            if outcome.update:
                update = outcome.update
                os.write(1, f"ack {update.user_id} {update.revision} {update.change.operation_id}\\n".encode())
            waiting.release()

    for number in count():
        waiting.acquire()
        journal.tell(Commit(Operation(
            user_id=users[number % len(users)],
            device_id="tv",
            change=Change("remove" if number % 7 > 4 else "add", UUID(int=number % 11), f"{turn}-{number}"),
            timestamp=HLCTimestamp(1_700_000_000_000 + number, 0, "n"),
        ), acknowledge))

for turn in sys.stdin:
    child = os.fork()
    if not child:
        try:
            storm(turn.strip())
        except BaseException:
            traceback.print_exc()
        os._exit(1)  # the journal's thread would keep the process
    os.write(1, f"born {child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"died\\n")
"""


@pytest.mark.integration
def test_every_acknowledged_write_outlives_kill_nine(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    open_store(url, now_ms=lambda: 0).close()
    acknowledged: dict[str, tuple[str, int]] = {}
    chance = random.Random(7)
    with subprocess.Popen(
        [sys.executable, "-c", STORM, url, ",".join(USERS)],
        cwd=Path(storage.__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as forker:
        assert forker.stdin is not None
        assert forker.stdout is not None
        for turn in range(ROUNDS):
            forker.stdin.write(f"{turn}\n")
            writer, acks_to_wait_for = None, chance.randint(1, 300)
            while (line := forker.stdout.readline().split()) != ["died"]:
                if line[0] == "born":
                    writer = int(line[1])
                else:
                    _, user, revision, operation_id = line
                    acknowledged[operation_id] = (user, int(revision))
                    acks_to_wait_for -= 1
                if writer and acks_to_wait_for <= 0:
                    os.kill(writer, signal.SIGKILL)
                    writer = None
            assert acks_to_wait_for <= 0, "the writer died by itself"
            check_history(url, acknowledged)
    assert len(acknowledged) > ROUNDS


def check_history(url: str, acknowledged: dict[str, tuple[str, int]]) -> None:
    store = open_store(url, now_ms=lambda: 0)
    recorded: dict[str, tuple[str, int]] = {}
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
