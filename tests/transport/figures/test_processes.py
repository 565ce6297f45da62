import os
import resource
import time
from pathlib import Path

from tests.transport.figures.conftest import NO_PROCESS
from transport.figures.processes import most_open_files, open_files, process_figures


def test_a_process_is_shown_as_the_system_knows_it() -> None:
    before_s = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    figures = process_figures(os.getpid())
    assert figures is not None
    assert abs(figures.cpu_s - before_s) < 0.1  # the system counts hundredths
    assert 2**20 < figures.resident_bytes < figures.virtual_bytes < 2**50
    assert 0 < time.time() - figures.started_s < 24 * 3600


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = open_files()
    assert before is not None
    files = [(tmp_path / "file").open("w") for _ in range(10)]
    assert open_files() == before + 10
    for file in files:
        file.close()
    assert open_files() == before < most_open_files()


def test_a_process_that_is_gone_has_no_figures() -> None:
    assert process_figures(NO_PROCESS) is None
