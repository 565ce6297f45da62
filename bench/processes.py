"""What a server's processes have used: CPU time and memory of a whole process tree (Linux)."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")

DAEMON: Final = "daemon"
"""The name of every process of a server that is none of the store's."""
WRITER: Final = "writer"
READER: Final = "reader"
PROCESSES: Final = (DAEMON, WRITER, READER)

_STORE: Final = {b"storage.processes.worker", b"storage.worker"}
"""The module that the store's processes run, in this release and in older ones; the argument after it is their name."""


def process_tree(pid: int) -> list[int]:
    """Return ``pid`` and all its living descendants."""
    tree = [pid]
    for member in tree:  # grows while it is walked
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            tree += map(int, children.read_text().split())
    return tree


def store_processes(pid: int) -> dict[str, int]:
    """Return the processes of the store of the daemon ``pid``: name -> process id; none of a release without them."""
    return {name: member for member in process_tree(pid) if (name := _name(member)) != DAEMON}


class CpuClock:
    """The CPU time that the tree of ``pid`` uses from now on, user and system; exact to 10 ms a process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before_s = _cpu_seconds_by_name(pid)

    def used_s(self) -> dict[str, float]:
        """Return the seconds by the process's name: ``daemon``, ``writer``, ``reader``."""
        now_s = _cpu_seconds_by_name(self._pid)
        return {name: seconds - self._before_s[name] for name, seconds in now_s.items()}

    def total_s(self) -> float:
        """Return the seconds of all together."""
        return sum(self.used_s().values())


def cpu_per_delivery_s(report: Mapping[str, float]) -> dict[str, float]:
    """Return the CPU seconds of a delivery by process, as ``bench.fanout_load`` reports them."""
    return {name: report[key] / 1e6 for name in PROCESSES if (key := f"{name}_cpu_us_per_delivery") in report}


def memory_bytes(pid: int) -> int:
    """Return the memory of the tree of ``pid``; a page shared by n processes counts as an nth (Pss)."""
    return memory_of(process_tree(pid), "Pss")


def memory_of(pids: Iterable[int], kind: Literal["Rss", "Pss"]) -> int:
    """Return the bytes of all ``pids``: a page that n processes share counts n times (Rss), or as an nth (Pss)."""
    pattern = re.compile(rf"^{kind}:\s+(\d+) kB", re.MULTILINE)
    found = (pattern.search(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids)
    return sum(int(match[1]) * 1024 for match in found if match)


def _cpu_seconds_by_name(pid: int) -> defaultdict[str, float]:
    seconds: defaultdict[str, float] = defaultdict(float)
    for member in process_tree(pid):
        after_name = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        seconds[_name(member)] += (int(after_name[11]) + int(after_name[12])) / _TICKS_PER_S
    return seconds


def _name(pid: int) -> str:
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return next((name.decode() for module, name in pairwise(arguments) if module in _STORE), DAEMON)
