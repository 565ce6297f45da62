"""The daemon's way to the store: two processes, one that writes and one that reads, each started again when it is lost.

A thread can neither be interrupted nor ended, and shares the interpreter's lock with the event loop; a process can, and
does not. Nothing here imports SQLAlchemy: only the processes need it.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Mapping
from math import inf
from typing import Any, Final, TypeVar

from msgspec import Struct, structs

from actors.errors import StatementRefused, StoreDefect, StoreUnavailable, ValueRefused
from actors.messages.content_ids import ContentIdKind
from actors.messages.store import Check, Prepare, StoreAnswer
from actors.runtime.ask import Request
from storage.errors import ContentIdsDiffer, SchemaTooNew
from storage.processes.child_process import ChildProcess
from storage.processes.wire import Failed, FailureKind, Open, encode
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds

DEADLINE_S: Final = 8.0
"""For one transaction or one read: longer than a process waits for a lock or a new connection (5 s), shorter than an
HTTP request waits for its answer (10 s)."""
MIN_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 5.0
CLOSE_S: Final = 2.0
"""How long a process has to close its database, when there is nothing else to do."""
PAUSED_S: Final = 1.0
"""A timer this late says more about the event loop than about the process that was to answer."""

_ERRORS: Final[Mapping[FailureKind, type[Exception]]] = {
    "unavailable": StoreUnavailable,
    "statement_refused": StatementRefused,
    "value_refused": ValueRefused,
    "schema_too_new": SchemaTooNew,
    "content_ids_differ": ContentIdsDiffer,
    "wrong_url": ValueError,
    "no_driver": ImportError,
    "defect": StoreDefect,
}

R = TypeVar("R")

logger = logging.getLogger(__name__)


class StoreProcesses:
    """``actors.ports.StoreClient``, which documents its methods.

    Thread: the event loop.

    Args:
        database_url: as of ``storage.databases.database.Database``.
        restarts: counts them by process.
        bounds: what each user may make grow.
        content_ids: which ids contents have.
        replica_url: of a copy of the database, which may be behind; lists are read there when it is not.
        write_deadline_s: how long one transaction may take, before its process is killed and started again.
        read_deadline_s: the same for one read.
    """

    def __init__(
        self,
        database_url: str,
        restarts: Counter[str],
        *,
        bounds: Bounds = DEFAULT_BOUNDS,
        content_ids: ContentIdKind = "uuid",
        replica_url: str | None = None,
        write_deadline_s: float = DEADLINE_S,
        read_deadline_s: float = DEADLINE_S,
    ) -> None:
        writing = Open(
            database_url=database_url, is_read_only=False, makes_file=True, bounds=bounds, content_ids=content_ids
        )
        reading = Open(database_url=database_url, is_read_only=True, makes_file=False, replica_url=replica_url)
        self._writer = _Worker("writer", writing, write_deadline_s, restarts)
        self._reader = _Worker("reader", reading, read_deadline_s, restarts)

    async def start(self) -> None:
        """Start both processes, and return when each has reached the database; its tables are migrated first.

        Raises:
            ContentIdsDiffer: contents have other ids there.
            ImportError: the database's driver is not installed.
            OSError: a process cannot be started.
            SchemaTooNew: a newer release has migrated the database.
            StoreUnavailable: the database does not answer.
            ValueError: the URL names no SQLite or PostgreSQL database.
        """
        self._writer.start()
        self._reader.start()
        await self._writer.ask(Prepare())
        self._writer.note_prepared()
        await self._reader.ask(Check())

    def write(self, request: Request[R]) -> asyncio.Future[R]:
        """Ask for what changes something."""
        return self._writer.ask(request)

    def read(self, request: Request[R]) -> asyncio.Future[R]:
        """Ask for what changes nothing."""
        return self._reader.ask(request)

    def pids(self) -> dict[str, int]:
        """Return the process ids of those that run, by name."""
        return {worker.name: pid for worker in (self._writer, self._reader) if (pid := worker.pid) is not None}

    def give_up(self) -> None:
        """Let whatever is asked, now or later, fail at once; idempotent."""
        self._writer.give_up()
        self._reader.give_up()

    async def close(self) -> None:
        """End both processes; what they are at has ``CLOSE_S`` seconds. Idempotent."""
        await self._reader.close()
        await self._writer.close()  # the last to close SQLite's file tidies up


class _Asked(Struct, eq=False):
    """A request on its way."""

    answered: asyncio.Future[Any]
    deadline_s: float


class _Worker:
    """One of the two, whichever process it is at the moment."""

    def __init__(self, name: str, opening: Open, deadline_s: float, restarts: Counter[str]) -> None:
        self.name = name
        self._opening = opening
        self._deadline_s = deadline_s
        self._restarts = restarts
        self._process: ChildProcess | None = None
        self._problem = f"the {name} was not started"
        self._asked: deque[_Asked] = deque()
        self._since_s = 0.0
        """When the process could turn to the first of them."""
        self._deadline: asyncio.TimerHandle | None = None
        self._backoff_s = 0.0
        """Before the next start; 0 once the process has answered something."""
        self._restart: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """The process's id, if it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process. Raises: OSError."""
        self._loop = asyncio.get_running_loop()
        self._process = ChildProcess(self.name, self._note_answer, self._note_end)
        self._process.send(encode(self._opening))
        logger.debug("the journal's %s is process %d", self.name, self._process.pid)

    def note_prepared(self) -> None:
        """Let no later process make the database's file: if it is missing then, it was removed."""
        self._opening = structs.replace(self._opening, makes_file=False)

    def ask(self, request: Request[R]) -> asyncio.Future[R]:
        """Send ``request`` behind those sent before."""
        answered: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if self._process is None:
            answered.set_exception(StoreUnavailable(self._problem))
            return answered
        try:
            frame = encode(request)
        except (OverflowError, UnicodeError) as error:
            answered.set_exception(ValueRefused(f"it cannot be encoded: {error}"))
            return answered
        self._process.send(frame)
        if not self._asked:
            self._since_s = self._loop.time()
        # The one request that may take long: a large table is migrated.
        self._asked.append(_Asked(answered, inf if isinstance(request, Prepare) else self._deadline_s))
        self._watch()
        return answered

    def give_up(self) -> None:
        """Let whatever is asked, now or later, fail at once; idempotent."""
        self._is_closed = True
        if self._restart is not None:
            self._restart.cancel()
        if self._process is not None:
            self._process.kill("was stopped")

    async def close(self) -> None:
        """End the process when it has done what was asked, or is not done in time; idempotent."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.finish()
            if not await _is_gone(process, CLOSE_S):
                logger.warning("the journal's %s does not end by itself, and is killed", self.name)
                process.kill("was stopped")
                await _is_gone(process, CLOSE_S)
        self.give_up()

    def _note_answer(self, answer: StoreAnswer | Failed) -> None:
        answered = self._asked.popleft().answered
        self._since_s = self._loop.time()
        self._backoff_s = 0.0
        if answered.done():  # nobody waits any more
            return
        if isinstance(answer, Failed):
            error = _ERRORS[answer.kind](answer.text)
            if answer.stack is not None:
                error.add_note(answer.stack)
            answered.set_exception(error)
        else:
            answered.set_result(answer)

    def _note_end(self, reason: str) -> None:
        assert self._process is not None
        pid, self._process = self._process.pid, None
        self._problem = f"the {self.name} {'was stopped' if self._is_closed else reason}"
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        asked, self._asked = self._asked, deque()
        for one in asked:
            if not one.answered.done():
                one.answered.set_exception(StoreUnavailable(self._problem))
        if not self._is_closed:
            logger.error("the journal's %s, process %d, %s; it is started again", self.name, pid, reason)
            self._start_again_later()

    def _start_again_later(self) -> None:
        pause_s, self._backoff_s = self._backoff_s, min(max(2 * self._backoff_s, MIN_BACKOFF_S), MAX_BACKOFF_S)
        if pause_s:
            self._restart = self._loop.call_later(pause_s, self._start_again)
        else:  # at once, so that what is asked next finds it
            self._start_again()

    def _start_again(self) -> None:
        self._restart = None
        self._restarts[self.name] += 1
        try:
            self.start()
        except OSError as error:
            logger.error("the journal's %s cannot be started: %s", self.name, error)
            self._problem = f"the {self.name} cannot be started: {error}"
            self._start_again_later()

    def _watch(self) -> None:
        """Look after the first request when its time is over: one timer, however many requests."""
        if self._deadline is None and self._asked and self._asked[0].deadline_s < inf:
            self._deadline = self._loop.call_at(self._since_s + self._asked[0].deadline_s, self._check_deadline)

    def _check_deadline(self) -> None:
        assert self._deadline is not None
        due_s, self._deadline = self._deadline.when(), None
        now_s = self._loop.time()
        if self._process is not None:
            self._process.receive()  # what has come in time is not late
        if now_s - due_s > PAUSED_S:  # the daemon was paused, and the process perhaps with it
            self._since_s = now_s
        if self._process is not None and self._asked and now_s >= self._since_s + self._asked[0].deadline_s:
            self._process.kill(f"did not answer within {self._deadline_s:g} s")
        self._watch()


async def _is_gone(process: ChildProcess, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await process.gone()
    except TimeoutError:
        return False
    return True
