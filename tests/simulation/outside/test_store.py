"""A node's way to the simulated database: in order, with the real store behind it, and with a process that dies."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from actors.errors import StoreUnavailable
from actors.messages.store import CheckWriting, Done, FindHeads, HeadsFound
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.outside.database import EPOCH, SimulatedDatabase, new_files
from simulation.outside.network import Delay
from simulation.outside.store import SimulatedStore
from storage.journal.history import HistoryLimits

START_MS = 1_764_000_000_000


class Opened:
    """A database and one node's way to it."""

    def __init__(self) -> None:
        self.files = new_files()
        self.loop = SimulatedLoop()
        self.database = SimulatedDatabase(self.files, lambda: START_MS, self.loop.time, HistoryLimits())
        self.store = SimulatedStore(
            self.loop, self.database, Delay(Random(1), 0.01, 0.01), EventLog(self.loop.time), "node"
        )
        self.loop.run_until_complete(self.store.start())

    def heads(self) -> HeadsFound:
        return self.loop.run_until_complete(self.store.read(FindHeads(("ann",))))

    def close(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.sweep_up()
        self.database.close()
        self.files.remove()


@pytest.fixture
def opened() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    opened.close()


def test_the_real_store_answers_after_a_while(opened: Opened) -> None:
    before_s = opened.loop.time()
    (head,) = opened.heads().heads
    assert (head.line, head.revision, head.epoch) == ("ann", 0, EPOCH)
    assert opened.loop.time() > before_s
    assert opened.loop.run_until_complete(opened.store.write(CheckWriting())) == Done()


def test_a_process_that_dies_loses_what_is_under_way_and_the_next_one_works(opened: Opened) -> None:
    asked = [opened.store.write(CheckWriting()) for _ in range(3)]
    opened.store.writer.die()
    for one in asked:
        with pytest.raises(StoreUnavailable, match="the writer has died"):
            opened.loop.run_until_complete(one)
    assert opened.loop.run_until_complete(opened.store.write(CheckWriting())) == Done()


def test_a_database_that_is_away_says_so(opened: Opened) -> None:
    opened.database.is_away = True
    with pytest.raises(StoreUnavailable):
        opened.heads()
    opened.database.is_away = False
    assert opened.heads().heads


def test_whoever_was_cut_off_is_told_nothing_more(opened: Opened) -> None:
    asked = opened.store.read(FindHeads(("ann",)))
    opened.store.sever()
    with pytest.raises(StoreUnavailable):
        opened.loop.run_until_complete(asked)
    with pytest.raises(StoreUnavailable):
        opened.heads()
    opened.loop.run_until_complete(asyncio.sleep(10))
