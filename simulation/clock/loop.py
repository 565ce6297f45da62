"""An event loop whose time is virtual: it jumps to the next timer, and nothing else ever happens by itself."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, NoReturn, TypeVarTuple, Unpack

from msgspec import Struct
from typing_extensions import override

Arguments = TypeVarTuple("Arguments")

MAX_IDLE_TURNS: Final = 100_000
"""Turns without any time passing, after which a loop counts as spinning."""


class DeadlockError(Exception):
    """Everybody waits, and no timer is left that could wake anybody."""


class LivelockError(Exception):
    """The loop turns and turns, and no time passes."""


class SimulatedHandle(Struct, eq=False):
    """asyncio's ``TimerHandle`` in all that is used, at a quarter of the time."""

    loop: "SimulatedLoop"
    when_s: float
    callback: Callable[..., object] | None
    args: tuple[Any, ...]
    context: Context
    is_cancelled: bool = False

    def cancel(self) -> None:
        """Never call it; as asyncio does, let go of what it would have needed."""
        self.is_cancelled = True
        self.callback, self.args = None, ()

    def cancelled(self) -> bool:
        """Whether it is never called."""
        return self.is_cancelled

    def when(self) -> float:
        """Return when it is called, by the loop's clock."""
        return self.when_s

    @override
    def __repr__(self) -> str:
        return f"<TimerHandle at {self.when_s:.4f} of {self.callback!r}>"


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
        self._timers: list[tuple[float, int, SimulatedHandle]] = []
        """A heap: by their time, then in the order they were set in."""
        self._timers_set = 0
        self.world: SimulatedLoop = self
        """Itself; of a part, the loop that it is a part of."""
        self.held: list[SimulatedHandle] | None = None
        """What would have run since it was paused; ``None``: it is not paused."""
        self.parts: list[SimulatedLoop] = []
        """Loops of nodes, which take part in its turns."""
        self.failures: list[dict[str, Any]] = []
        """What nobody has caught: contexts of the exception handler."""
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    @override
    def time(self) -> float:
        """Return the virtual seconds since the world's loop was made."""
        return self.world._now_s

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
        self._timers.clear()
        for loop in (*self.parts, self):
            loop.close()

    def tasks(self) -> list["asyncio.Task[Any]"]:
        """Return the tasks that are not done, of all parts."""
        return [task for loop in (self, *self.parts) for task in asyncio.all_tasks(loop)]

    @property
    def timers(self) -> list[SimulatedHandle]:
        """The timers that are set."""
        return [timer for _, _, timer in self._timers if not timer.is_cancelled]

    @override
    def call_soon(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        if self._closed:  # type: ignore[attr-defined]
            self._check_closed()  # type: ignore[attr-defined]
        world = self.world
        handle = SimulatedHandle(self, world._now_s, callback, args, copy_context() if context is None else context)
        world._ready.append(handle)  # type: ignore[attr-defined]
        return handle  # type: ignore[return-value]  # in all that is used

    @override
    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._set_timer(self.world._now_s + delay, callback, args, context)

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._set_timer(when, callback, args, context)

    def resume(self) -> None:
        """Go on, if it was paused: with what has waited, behind what is ready."""
        held, self.held = self.held or [], None
        self.world._ready.extend(held)  # type: ignore[attr-defined]

    def _set_timer(
        self, when_s: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.TimerHandle:
        if self._closed:  # type: ignore[attr-defined]
            self._check_closed()  # type: ignore[attr-defined]
        world = self.world
        timer = SimulatedHandle(self, when_s, callback, args, copy_context() if context is None else context)
        world._timers_set += 1
        heappush(world._timers, (when_s, world._timers_set, timer))
        return timer  # type: ignore[return-value]  # in all that is used

    def _run_once(self) -> None:
        """Turn until somebody stops the loop: asyncio calls it again and again until then."""
        ready, timers, shuffle = self._ready, self._timers, self._shuffle  # type: ignore[attr-defined]
        running: SimulatedLoop = self
        idle_turns = 0
        while not self._stopping:  # type: ignore[attr-defined]
            if not ready:
                if self._pass_time():
                    idle_turns = 0
            elif shuffle is not None and len(ready) > 1:
                handles = list(ready)
                ready.clear()
                shuffle.shuffle(handles)
                ready.extend(handles)
            while timers and timers[0][0] <= self._now_s:
                ready.append(heappop(timers)[2])
            idle_turns += 1
            if idle_turns > MAX_IDLE_TURNS:
                raise LivelockError(f"at {self._now_s:.3f} s the loop turns without end")
            for _ in range(len(ready)):
                handle = ready.popleft()
                callback, loop = handle.callback, handle.loop
                if callback is None:  # cancelled
                    continue
                if loop.held is not None:
                    loop.held.append(handle)
                    continue
                if loop is not running:
                    asyncio._set_running_loop(loop)
                    running = loop
                try:  # as asyncio's handles do it themselves
                    handle.context.run(callback, *handle.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever it is, the loop goes on
                    message = f"Exception in callback {handle!r}"
                    loop.call_exception_handler({"message": message, "exception": error, "handle": handle})

    def _pass_time(self) -> bool:
        """Let time pass until the next timer is due; return whether it did: one may be due already."""
        timers = self._timers
        while timers and timers[0][2].is_cancelled:
            heappop(timers)
        if not timers:
            raise DeadlockError(f"at {self._now_s:.3f} s everybody waits for somebody else")
        due_s = timers[0][0]
        if due_s <= self._now_s:
            return False
        self._now_s = due_s
        return True

    @override
    def call_soon_threadsafe(self, *_: Any, **__: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: a thread would make the run depend on the machine."""
        raise NotImplementedError("there are no threads in a simulation")

    @override
    def run_in_executor(self, *_: Any, **__: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: a thread would make the run depend on the machine."""
        raise NotImplementedError("there are no threads in a simulation")
