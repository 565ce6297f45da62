"""Whether a process' memory grows without end: the slope of each node's last life."""

import asyncio
import re
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.soak.service import Service

FLAT_MIB_PER_MINUTE: Final = 1.0
MIN_WINDOW_S: Final = 60.0
"""A slope over less is noise: it is shown, and fails nothing."""
WARM_UP_S: Final = 300.0
"""In which caches, pools and the allocator fill."""

_ANONYMOUS: Final = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)


class Trend(Struct, frozen=True):
    """Of one life, after its warm-up."""

    window_s: float
    least_mib: float
    most_mib: float
    mib_per_minute: float

    @property
    def is_flat(self) -> bool:
        """Whether nothing says that it leaks."""
        return self.window_s < MIN_WINDOW_S or self.mib_per_minute <= FLAT_MIB_PER_MINUTE

    def __str__(self) -> str:
        return (
            f"{self.least_mib:.1f} to {self.most_mib:.1f} MiB, {self.mib_per_minute:+.2f} MiB a minute"
            f" over the last {self.window_s / 60:.1f} minutes of its last life"
        )


class Samples:
    """What each life of each node has used; a life is a process id."""

    def __init__(self) -> None:
        self._points: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
        """Process id -> (moment in seconds, MiB)."""

    async def take(self, service: Service) -> None:
        """Look every second, for ever."""
        while True:
            for node in service.nodes:
                with suppress(OSError):
                    self.add(node.pid, time.monotonic(), anonymous_mib(node.pid))
            await asyncio.sleep(1)

    def add(self, pid: int, at_s: float, mib: float) -> None:
        """Note one sample."""
        self._points[pid].append((at_s, mib))

    def trend(self, pid: int) -> Trend | None:
        """Return the least-squares line through a life after its warm-up; ``None``: too few samples."""
        life = self._points[pid]
        points = [(at_s, mib) for at_s, mib in life if at_s >= life[0][0] + WARM_UP_S]
        if len(points) < 2:
            return None
        moments, sizes = zip(*points, strict=True)
        mean_s, mean_mib = sum(moments) / len(points), sum(sizes) / len(points)
        spread = sum((at_s - mean_s) ** 2 for at_s in moments)
        rise = sum((at_s - mean_s) * (mib - mean_mib) for at_s, mib in points)
        return Trend(moments[-1] - moments[0], min(sizes), max(sizes), rise / spread * 60)


def anonymous_mib(pid: int) -> float:
    """Return the memory that is a process' own, in no file: what a leak grows, whoever else runs. Raises: OSError."""
    found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise ProcessLookupError(pid)  # it has ended and was not yet buried
    return int(found[1]) / 1024
