"""Rules for every test: no actor is left behind, none dies unnoticed, in CI nothing is skipped, time proves nothing."""

import logging
import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from pykka import ActorRegistry

ON_A_BUSY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", ON_A_BUSY_MACHINE, max_examples=100)
settings.register_profile("ci", ON_A_BUSY_MACHINE, max_examples=2_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a skipped test fail in CI, where everything must be installed that a test needs."""
    report = yield
    if not hasattr(report, "wasxfail"):  # an expected failure counts as skipped to pytest
        _fail_in_ci_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let a skipped module fail in CI, too."""
    report = yield
    _fail_in_ci_if_skipped(report)
    return report


def _fail_in_ci_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get("CI"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{report.nodeid} may not be skipped in CI. {reason}"


@pytest.fixture(autouse=True)
def no_actor_dies_or_stays(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Mark a test ``actors_may_fail`` if an actor's death is what it is about."""
    yield
    leftovers = ActorRegistry.get_all()
    if leftovers:
        ActorRegistry.stop_all(block=False)
        pytest.fail(f"left behind: {', '.join(map(str, leftovers))}")
    if request.node.get_closest_marker("actors_may_fail") is None:
        deaths = [
            r.getMessage() for r in caplog.get_records("call") if r.name == "pykka" and r.levelno >= logging.ERROR
        ]
        assert not deaths, deaths
