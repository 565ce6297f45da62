"""What a server's processes have used: CPU time and memory of a whole process tree (Linux)."""

import os
import re
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def process_tree(pid: int) -> list[int]:
    """Return ``pid`` and all its living descendants."""
    tree = [pid]
    for member in tree:  # grows while it is walked
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            tree += map(int, children.read_text().split())
    return tree


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that the tree of ``pid`` has used, user and system; exact to 10 ms a process."""
    ticks = 0
    for member in process_tree(pid):
        after_name = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / _TICKS_PER_S


def memory_bytes(pid: int) -> int:
    """Return the memory of the tree of ``pid``; a page shared by n processes counts as an nth (Pss)."""
    found = (_PSS.search(Path(f"/proc/{member}/smaps_rollup").read_text()) for member in process_tree(pid))
    return sum(int(match[1]) * 1024 for match in found if match)
