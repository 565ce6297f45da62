import os
import resource

from tests.transport.figures.conftest import NO_PROCESS
from transport.figures.processes import process_figures


def test_a_process_is_shown_as_the_system_knows_it() -> None:
    before_s = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    figures = process_figures(os.getpid())
    assert figures is not None
    assert abs(figures.cpu_s - before_s) < 0.1  # the system counts hundredths
    assert 2**20 < figures.resident_bytes < 2**40


def test_a_process_that_is_gone_has_no_figures() -> None:
    assert process_figures(NO_PROCESS) is None
