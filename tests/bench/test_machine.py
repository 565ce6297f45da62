"""What the machine does besides the bench."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.machine import QUIET_LOAD, Machine, OthersClock

BUSY_S = 0.1
BURN = f"import time\nwhile time.process_time() < {BUSY_S}: pass"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def machine(load_average: float) -> Machine:
    return Machine(commit="c", cores=2, python="3", load_average=load_average, microseconds_per_fsync=9)


def test_a_machine_that_does_something_else_is_warned_of() -> None:
    assert machine(QUIET_LOAD).warning == ""
    assert "1.5" in machine(1.5).warning


@pytest.mark.integration
def test_other_work_is_all_but_ones_own_and_that_of_ended_children(tmp_path: Path) -> None:
    stat, now_s = tmp_path / "stat", iter((10.0, 12.0, 12.0))
    stat.write_text("cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    clock = OthersClock(stat, lambda: next(now_s))
    user = nice = system = steal = TICKS_PER_S
    stat.write_text(f"cpu  {user} {nice} {system} 9999 9999 9999 9999 {steal} 0 0\n")
    alone = clock.share()
    assert 1.8 < alone <= 2.0  # four seconds in two, less what this process has used
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert clock.share() <= alone - BUSY_S / 4  # half of it in each second, counted in ticks
