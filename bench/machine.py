"""What the figures depend on besides the servers: compare only those of one machine with nothing else to do."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import Struct

from bench.journal import microseconds_per_fsync

QUIET_LOAD: Final = 0.5
"""Load average, before the first scenario: above it, other work shares the cores."""
QUIET_SHARE: Final = 0.1
"""Of a core, used by others while something is measured."""

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Machine(Struct, frozen=True):
    """What was found before the first measurement. ``commit``: with ``+`` if files have changed since."""

    commit: str
    cores: int
    python: str
    load_average: float
    microseconds_per_fsync: int

    @classmethod
    def look(cls) -> "Machine":
        """Look, in the working directory for the disk."""
        with TemporaryDirectory(prefix=".bench-", dir=".") as directory:
            fsync_us = microseconds_per_fsync(Path(directory))
        return cls(
            commit=_commit(),
            cores=os.cpu_count() or 1,
            python=platform.python_version(),
            load_average=round(os.getloadavg()[0], 2),
            microseconds_per_fsync=round(fsync_us),
        )

    @property
    def warning(self) -> str:
        """What is wrong with it; empty: nothing."""
        if self.load_average <= QUIET_LOAD:
            return ""
        return f"The load average was {self.load_average} before the first run: the figures are a busy machine's."

    def __str__(self) -> str:
        return (
            f"commit {self.commit}, {self.cores} cores, Python {self.python}, load average {self.load_average}, "
            f"{self.microseconds_per_fsync:,} µs for an fsync"
        )


class OthersClock:
    """The CPU time of everything on this machine but this program and the processes it has started and ended."""

    def __init__(self, stat: Path = Path("/proc/stat"), now_s: Callable[[], float] = time.perf_counter) -> None:
        self._stat, self._now_s = stat, now_s
        self._began_s, self._before_s = now_s(), self._others_s()

    def share(self) -> float:
        """Return what others have used since, in cores."""
        return max(0.0, (self._others_s() - self._before_s) / (self._now_s() - self._began_s))

    def _others_s(self) -> float:
        """Interrupts are not in it: they are counted as nobody's, ours too."""
        user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, self._stat.read_text().split()[1:9])
        return (user + nice + system + steal) / _TICKS_PER_S - sum(os.times()[:4])


def _commit() -> str:
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
