"""The journal's database in the simulation's own process, and each node's way to it, which may fail at every step.

The store is the real one: what its processes do with a request, on a SQLite file, behind the real wire format.
"""

import asyncio
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar

from msgspec import Struct

from actors.errors import StatementRefused, StoreDefect, StoreUnavailable, ValueRefused
from actors.messages.store import CommitBatch, Prepare
from actors.runtime.ask import Request
from simulation.event_log import EventLog
from simulation.loop import SimulatedLoop
from simulation.network import Delay
from storage.database_url import sqlite_url
from storage.history import HistoryLimits
from storage.requests import OpenedStore
from storage.schema import migrate
from storage.wire import LENGTH_BYTES, Failed, Open, decode_answer, decode_request, encode

R = TypeVar("R")

EPOCH: Final = "simulated"

ARCHIVE: Final = "simulation_archive"
"""A table of the simulation's own: every operation that was ever committed, also when the history drops it."""

_ERRORS: Final[dict[str, type[Exception]]] = {
    "unavailable": StoreUnavailable,
    "statement_refused": StatementRefused,
    "value_refused": ValueRefused,
}


def scratch_directory() -> Path:
    """Return a new directory, in memory where that is possible."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own below it
    return Path(mkdtemp(prefix="syncd-simulation-", dir=memory if memory.is_dir() else None))


@cache
def _template() -> bytes:
    """Return an empty journal: made once, because migrating takes a quarter of a second."""
    directory = scratch_directory()
    try:
        file = directory / "journal.db"
        migrate(sqlite_url(file))
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (EPOCH,))
            connection.execute(f"CREATE TABLE {ARCHIVE} AS SELECT * FROM operations")  # noqa: S608 - the same
            columns = [f"NEW.{name}" for _, name, *_ in connection.execute("PRAGMA table_info(operations)")]
            insert = f"INSERT INTO {ARCHIVE} VALUES ({', '.join(columns)})"  # noqa: S608 - our own names
            connection.execute(f"CREATE TRIGGER keep AFTER INSERT ON operations BEGIN {insert}; END")
        return file.read_bytes()
    finally:
        shutil.rmtree(directory)


class SimulatedDatabase:
    """One journal for all nodes: a writer and a reader, as two processes would open it."""

    def __init__(
        self, directory: Path, now_ms: Callable[[], int], timer_s: Callable[[], float], history: HistoryLimits
    ) -> None:
        self.file = directory / "journal.db"
        self.file.write_bytes(_template())
        self.file.chmod(0o600)
        url = sqlite_url(self.file)
        self._writer = OpenedStore(
            Open(database_url=url, is_read_only=False, makes_file=True), now_ms, timer_s, history, has_threads=False
        )
        self._reader = OpenedStore(
            Open(database_url=url, is_read_only=True, makes_file=False), now_ms, timer_s, history, has_threads=False
        )
        self.is_away = False
        """Nothing can be written or read."""

    def answer(self, request: bytes, *, is_write: bool) -> bytearray:
        """Do what ``request`` asks."""
        if self.is_away:
            return encode(Failed("unavailable", "the database is away"))
        decoded = decode_request(request)
        assert not isinstance(decoded, Open)
        return encode((self._writer if is_write else self._reader).answer(decoded))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()


class _Asked(Struct, eq=False):
    request: bytes
    answered: asyncio.Future[Any]
    name: str


class _Worker:
    """One process of a node's store: requests in order, one at a time."""

    def __init__(self, store: "SimulatedStore", name: str, *, is_write: bool) -> None:
        self._store = store
        self._name = name
        self._is_write = is_write
        self._asked: deque[_Asked] = deque()
        self._generation = 0
        """Of the process: what an earlier one had begun comes to nothing."""

    def ask(self, request: Request[R]) -> "asyncio.Future[R]":
        """Do ``request`` after those before it."""
        answered: asyncio.Future[R] = self._store.loop.create_future()
        if self._store.has_given_up:
            answered.set_exception(StoreUnavailable("it was given up"))
            return answered
        name = type(request).__name__
        self._asked.append(_Asked(bytes(encode(request)[LENGTH_BYTES:]), answered, name))
        if len(self._asked) == 1:
            self._begin()
        return answered

    def die(self) -> None:
        """Lose everything that is under way, before or after it was done; a new process begins with what comes."""
        self._generation += 1
        asked, self._asked = self._asked, deque()
        for one in asked:
            if not one.answered.done():
                one.answered.set_exception(StoreUnavailable(f"the {self._name} has died"))

    def _begin(self) -> None:
        self._store.loop.world.call_later(self._store.delay(), self._do, self._generation)

    def _do(self, generation: int) -> None:
        if generation != self._generation or self._store.is_severed:
            return
        asked = self._asked[0]
        answer = self._store.database.answer(asked.request, is_write=self._is_write)
        if asked.name == CommitBatch.__name__:
            self._store.log.note(self._store.owner, f"{self._name} {asked.name} {len(answer)} bytes")
        self._store.loop.call_later(self._store.delay(), self._answer, generation, bytes(answer[LENGTH_BYTES:]))

    def _answer(self, generation: int, payload: bytes) -> None:
        if generation != self._generation or self._store.is_severed:
            return
        asked = self._asked.popleft()
        answer = decode_answer(payload)
        if self._asked:
            self._begin()
        if asked.answered.done():
            return
        if isinstance(answer, Failed):
            asked.answered.set_exception(_ERRORS.get(answer.kind, StoreDefect)(answer.text))
        else:
            asked.answered.set_result(answer)


class SimulatedStore:
    """``syncd.outside.NodeStore`` on a database that other nodes use, too."""

    def __init__(
        self, loop: SimulatedLoop, database: SimulatedDatabase, delay: Delay, log: EventLog, owner: str
    ) -> None:
        self.loop = loop
        self.database = database
        self.delay = delay
        self.log = log
        self.owner = owner
        self.has_given_up = False
        self.is_severed = False
        """The node has crashed: what it had asked may be done or not, and nobody is told."""
        self.writer = _Worker(self, "writer", is_write=True)
        self.reader = _Worker(self, "reader", is_write=False)

    async def start(self) -> None:
        """Return when the database can be used. Raises: StoreUnavailable."""
        await self.write(Prepare())

    def write(self, request: Request[R]) -> "asyncio.Future[R]":
        """Ask for what changes something."""
        return self.writer.ask(request)

    def read(self, request: Request[R]) -> "asyncio.Future[R]":
        """Ask for what changes nothing."""
        return self.reader.ask(request)

    def pids(self) -> dict[str, int]:
        """Return none: there are no processes."""
        return {}

    def give_up(self) -> None:
        """Let whatever is asked, now or later, fail at once."""
        self.has_given_up = True
        self.writer.die()
        self.reader.die()

    def sever(self) -> None:
        """Cut the node off: it is dead, only its actors are still to be swept up."""
        self.is_severed = True
        self.give_up()

    async def close(self) -> None:
        """Release everything."""
        self.give_up()
