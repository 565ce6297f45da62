"""The event loop of one node within the simulation's: it can be held as a process is that is stopped.

Everything that a node creates while its callbacks run (tasks, futures, timers, its actors' run queue) is on its own
loop, as on a machine of its own; time and turns are the world's.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Unpack

from typing_extensions import override

from simulation.loop import Arguments, SimulatedHandle, SimulatedLoop


class _Handle(SimulatedHandle):
    """A callback of a node: runs on its loop, or waits while the node is paused."""

    __slots__ = ()
    _loop: "NodeLoop"

    @override
    def _run(self) -> None:
        self._loop.run(self, super()._run)


class NodeLoop(SimulatedLoop):
    """A part of ``world``, whose turns it takes part in; it is not run by itself."""

    def __init__(self, world: SimulatedLoop) -> None:
        super().__init__()
        self.world = world
        world.parts.append(self)
        self.set_exception_handler(lambda _, context: world.call_exception_handler(context))
        self._held: list[SimulatedHandle] | None = None
        """What would have run since the node was paused; ``None``: it is not paused."""

    @property
    def is_paused(self) -> bool:
        """Whether nothing of the node runs."""
        return self._held is not None

    def pause(self) -> None:
        """Run nothing more for now: what comes and what is due waits."""
        if self._held is None:
            self._held = []

    def resume(self) -> None:
        """Go on, with what has waited first."""
        held, self._held = self._held or [], None
        self.world.make_ready(held)

    def run(self, handle: SimulatedHandle, callback: Callable[[], None]) -> None:
        """Run the ``callback`` of ``handle``, whose turn it is, as this loop's; or later."""
        if self._held is not None:
            self._held.append(handle)
            return
        asyncio._set_running_loop(self)
        try:
            callback()
        finally:
            asyncio._set_running_loop(self.world)

    @override
    def time(self) -> float:
        return self.world.time()

    @override
    def call_soon(
        self,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = _Handle(self, self.time(), callback, args, context)
        self.make_ready([handle])
        return handle

    @override
    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _Handle(self, when, callback, args, context)
        self.set_timer(timer)
        return timer

    @override
    def make_ready(self, handles: Iterable[SimulatedHandle]) -> None:
        self._check_closed()  # type: ignore[attr-defined]
        self.world.make_ready(handles)

    @override
    def set_timer(self, timer: SimulatedHandle) -> None:
        self._check_closed()  # type: ignore[attr-defined]
        self.world.set_timer(timer)
