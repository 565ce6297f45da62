"""Each node's way to the journal's database, which may fail at every step: its two processes, simulated."""

import asyncio
from collections import deque
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct

from actors.errors import StatementRefused, StoreDefect, StoreUnavailable, ValueRefused
from actors.messages.store import CommitBatch, Prepare
from actors.runtime.ask import Request
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.outside.database import SimulatedDatabase
from simulation.outside.network import Delay
from storage.processes.wire import LENGTH_BYTES, Failed, decode_answer, encode

R = TypeVar("R")

Moment = Literal["before", "during", "after"]
"""Of a commit."""

_ERRORS: Final[dict[str, type[Exception]]] = {
    "unavailable": StoreUnavailable,
    "statement_refused": StatementRefused,
    "value_refused": ValueRefused,
}


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
        self._dies: Moment | None = None

    @property
    def commits(self) -> bool:
        """Whether a commit is under way."""
        return any(asked.name == CommitBatch.__name__ for asked in self._asked)

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

    def die_at_commit(self, moment: Moment | None) -> None:
        """Die with the next commit; ``None``: live on."""
        self._dies = moment

    def _begin(self) -> None:
        self._store.loop.world.call_later(self._store.delay(), self._do, self._generation)

    def _do(self, generation: int) -> None:
        if generation != self._generation or self._store.is_severed:
            return
        asked = self._asked[0]
        if self._dies is not None and asked.name == CommitBatch.__name__:
            self._die_at_commit(asked.request, self._dies)
            return
        answer = self._store.database.answer(asked.request, is_write=self._is_write)
        if asked.name == CommitBatch.__name__:
            self._store.log.note(self._store.owner, f"{self._name} {asked.name} {len(answer)} bytes")
        self._store.loop.call_later(self._store.delay(), self._answer, generation, bytes(answer[LENGTH_BYTES:]))

    def _die_at_commit(self, commit: bytes, moment: Moment) -> None:
        self._dies = None
        self._store.log.note(self._store.owner, f"{self._name} dies {moment} a commit")
        if moment == "during":
            self._store.database.kill_writer_at(commit)
        elif moment == "after":
            self._store.database.answer(commit, is_write=True)
        self.die()

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
