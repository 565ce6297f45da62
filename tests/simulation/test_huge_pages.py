"""Memory in huge pages: which of it, and that it is as it was."""

import sys
from pathlib import Path

import pytest

from simulation.huge_pages import heaps, use_huge_pages

MAPS = """\
55d0c0a00000-55d0c0a01000 r-xp 00001000 fe:00 1234 /usr/bin/python3.11
55d0c1000000-55d0c2400000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000400000 rw-p 00000000 00:00 0
7f0000400000-7f0000500000 rw-p 00000000 00:00 0
7f0001000000-7f0001800000 rw-p 00000000 fe:00 5678 /usr/lib/a file.so
7f0002000000-7f0002800000 rw-s 00000000 00:01 91 /dev/shm/journal.db-shm
7f0003000000-7f0003800000 r--p 00000000 00:00 0
7ffc00000000-7ffc00800000 rw-p 00000000 00:00 0 [stack]
"""


def test_only_private_memory_of_no_file_is_advised_where_a_huge_page_has_room() -> None:
    assert list(heaps(MAPS)) == [(0x55D0C1000000, 0x55D0C2400000), (0x7F0000000000, 0x7F0000400000)]


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that tells")
def test_what_this_process_holds_is_in_them_unless_the_kernel_has_none() -> None:
    kept = [bytes([number]) * 100_000 for number in range(200)]

    use_huge_pages()

    assert kept == [bytes([number]) * 100_000 for number in range(200)]
    asked = Path("/proc/self/smaps").read_text()
    enabled = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if enabled.exists() and "[never]" not in enabled.read_text():
        assert any("hg" in line.split() for line in asked.splitlines() if line.startswith("VmFlags:"))
