"""What a process of ours uses, where the system tells: Linux's ``/proc``."""

import os
import sys
from pathlib import Path

from msgspec import Struct


class ProcessFigures(Struct, frozen=True):
    """Of one process, now."""

    resident_bytes: int
    cpu_s: float
    """User and system, since its start."""


def process_figures(pid: int) -> ProcessFigures | None:
    """Return the figures of ``pid``; ``None``: it is gone, or the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    ticks = int(after_name[11]) + int(after_name[12])
    return ProcessFigures(
        resident_bytes=int(after_name[21]) * os.sysconf("SC_PAGE_SIZE"), cpu_s=ticks / os.sysconf("SC_CLK_TCK")
    )
