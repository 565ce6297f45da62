"""The lines of CPU time: of a server's whole process tree and, where the daemon has them, of its processes apart."""

from collections.abc import Mapping

from msgspec import Struct

from bench.processes import PROCESSES
from bench.scenario import Figure, Sample, Target


class CpuFigures(Struct, frozen=True):
    """Figures of the CPU time of one ``work``: a POST, a delivery."""

    work: str
    digits: int = 0

    @property
    def total(self) -> str:
        """The name of the sum."""
        return f"server CPU of {self.work}, µs"

    def figures(self, *targets: Target) -> tuple[Figure, ...]:
        """Return the sum, which is held to ``targets``, and its parts."""
        parts = (Figure(self._part(process), digits=self.digits) for process in PROCESSES)
        return Figure(self.total, targets, self.digits), *parts

    def sample(self, used_s: Mapping[str, float], times: int) -> Sample:
        """Return the values; ``used_s``: seconds by process; ``times``: how often the work was done."""
        values = {self.total: sum(used_s.values()) / times * 1e6}
        if len(used_s) > 1:
            values |= {self._part(process): seconds / times * 1e6 for process, seconds in used_s.items()}
        return values

    def _part(self, process: str) -> str:
        return f"… of {self.work}: {process}, µs"
