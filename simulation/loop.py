"""An event loop whose time is virtual: it jumps to the next timer, and nothing else ever happens by itself."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, Final, NoReturn

from typing_extensions import override

if TYPE_CHECKING:
    from simulation.node_loop import NodeLoop

MAX_IDLE_TURNS: Final = 100_000
"""Turns without any time passing, after which a loop counts as spinning."""


class DeadlockError(Exception):
    """Everybody waits, and no timer is left that could wake anybody."""


class LivelockError(Exception):
    """The loop turns and turns, and no time passes."""


class _NoSelector:
    """In place of the operating system: instead of waiting it moves the clock."""

    def __init__(self, turn: Callable[[float | None], None]) -> None:
        self._turn = turn

    def select(self, timeout_s: float | None) -> list[object]:
        """Let ``timeout_s`` pass; nothing ever comes from a socket."""
        self._turn(timeout_s)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """asyncio's own loop without sockets, threads, signals and the machine's clock.

    The same calls in the same order give the same run. With ``shuffle`` what is ready at once runs in an order that
    ``shuffle`` draws, where asyncio keeps the order of the calls.

    Raises:
        DeadlockError: out of ``run_until_complete``, when there is nothing left to wait for.
        LivelockError: as well, when no time passes any more.
    """

    def __init__(self, shuffle: Random | None = None) -> None:
        super().__init__()
        self._now_s = 0.0
        self._shuffle = shuffle
        self._idle_turns = 0
        self._selector = _NoSelector(self._pass_time)
        self.world: SimulatedLoop = self
        """Itself; of a part, the loop that it is a part of."""
        self.parts: list[NodeLoop] = []
        """Loops of nodes, which take part in its turns."""
        self.failures: list[dict[str, Any]] = []
        """What nobody has caught: contexts of the exception handler."""
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    @override
    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now_s

    def sweep_up(self) -> None:
        """Cancel what is left, and close."""
        for part in self.parts:
            part.resume()
        self.set_exception_handler(lambda _, context: None)
        tasks = self.tasks()
        for task in tasks:
            task.cancel()
        with suppress(DeadlockError, LivelockError):
            self.run_until_complete(asyncio.wait(tasks) if tasks else asyncio.sleep(0))
        for loop in (*self.parts, self):
            loop.close()

    def make_ready(self, handles: Iterable[asyncio.Handle]) -> None:
        """Run what parts of this loop have to run, behind what is ready."""
        self._ready.extend(handles)  # type: ignore[attr-defined]

    def tasks(self) -> list["asyncio.Task[Any]"]:
        """Return the tasks that are not done, of all parts."""
        return [task for loop in (self, *self.parts) for task in asyncio.all_tasks(loop)]

    @property
    def timers(self) -> list[asyncio.TimerHandle]:
        """The timers that are set."""
        return [timer for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]

    def _pass_time(self, timeout_s: float | None) -> None:
        if timeout_s is None:
            raise DeadlockError(f"at {self._now_s:.3f} s everybody waits for somebody else")
        if timeout_s > 0:
            self._idle_turns = 0
            self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined]
            return
        self._idle_turns += 1
        if self._idle_turns > MAX_IDLE_TURNS:
            raise LivelockError(f"at {self._now_s:.3f} s the loop turns without end")

    def _run_once(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        if self._shuffle is not None and len(ready) > 1:
            handles = list(ready)
            ready.clear()
            self._shuffle.shuffle(handles)
            ready.extend(handles)
        super()._run_once()  # type: ignore[misc]

    def _process_events(self, event_list: list[object]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody waits in a selector."""

    @override
    def call_soon_threadsafe(self, *_: Any, **__: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: a thread would make the run depend on the machine."""
        raise NotImplementedError("there are no threads in a simulation")

    @override
    def run_in_executor(self, *_: Any, **__: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: a thread would make the run depend on the machine."""
        raise NotImplementedError("there are no threads in a simulation")
