"""The event loop of one node within the simulation's: it can be held as a process is that is stopped.

Everything that a node creates while its callbacks run (tasks, futures, timers, its actors' run queue) is on its own
loop, as on a machine of its own; time and turns are the world's.
"""

import asyncio
from collections.abc import Callable

from typing_extensions import override

from simulation.loop import SimulatedHandle, SimulatedLoop


class _Handle(SimulatedHandle):
    """A callback of a node: runs on its loop, or waits while the node is paused."""

    __slots__ = ()
    _loop: "NodeLoop"

    @override
    def _run(self) -> None:
        self._loop.run(self, super()._run)


class NodeLoop(SimulatedLoop):
    """A part of ``world``, whose turns it takes part in; it is not run by itself."""

    handle_type = _Handle

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
        self.make_ready(held)

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
