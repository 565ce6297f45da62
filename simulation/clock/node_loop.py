"""The event loop of one node within the simulation's: it can be held as a process is that is stopped.

Everything that a node creates while its callbacks run (tasks, futures, timers, its actors' run queue) is on its own
loop, as on a machine of its own; time and turns are the world's.
"""

from simulation.clock.loop import SimulatedLoop


class NodeLoop(SimulatedLoop):
    """A part of ``world``, whose turns it takes part in; it is not run by itself."""

    def __init__(self, world: SimulatedLoop) -> None:
        super().__init__()
        self.world = world
        world.parts.append(self)
        self.set_exception_handler(lambda _, context: world.call_exception_handler(context))

    @property
    def is_paused(self) -> bool:
        """Whether nothing of the node runs."""
        return self.held is not None

    def pause(self) -> None:
        """Run nothing more for now: what comes and what is due waits."""
        if self.held is None:
            self.held = []
