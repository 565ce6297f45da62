"""Rules for every test.

No actor is left behind, none dies or skips a message unnoticed, only a test marked ``integration`` starts a process, in
CI nothing is skipped, time proves nothing.
"""

import gc
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pykka import ActorRegistry

from tests.timeouts import TIMEOUT_S

os.environ.setdefault("PYTEST_TIMEOUT", str(5 * TIMEOUT_S))  # a whole test's, which may wait for several things

# Started by nohup or in the background, tests and their daemons would ignore what tests send.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_memory_with_room(directory: Path) -> bool:
    if not directory.is_dir():
        return False
    runs_programs = not os.statvfs(directory).f_flag & os.ST_NOEXEC  # a test installs some
    return runs_programs and shutil.disk_usage(directory).free > 4 << 30


# Each commit waits until the disk has it, thousands of times. No test is about a machine that loses its power.
if _is_memory_with_room(Path("/dev/shm")):
    os.environ.setdefault("TMPDIR", "/dev/shm")
    tempfile.tempdir = None  # pytest has asked before

ON_A_BUSY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", ON_A_BUSY_MACHINE, max_examples=100)
settings.register_profile("unit", ON_A_BUSY_MACHINE, max_examples=5)  # a quick look; `make test` looks longer
settings.register_profile("cover", ON_A_BUSY_MACHINE, max_examples=30)  # CI's
settings.register_profile("ci", ON_A_BUSY_MACHINE, max_examples=1_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a skipped test fail in CI, where everything must be installed that a test needs."""
    report = yield
    if not hasattr(report, "wasxfail"):  # an expected failure counts as skipped to pytest
        _fail_in_ci_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Take the collected tests, hundreds of thousands of objects that stay to the end, out of garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


_ALL_START_PROCESSES = re.compile(rb"^pytestmark = .*\bpytest\.mark\.integration\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no module whose tests would all be deselected: an import takes longer than most tests."""
    if config.option.markexpr == "not integration" and collection_path.suffix == ".py":
        return _ALL_START_PROCESSES.search(collection_path.read_bytes()) is not None or None
    return None


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


STARTERS = frozenset({"browser", "daemon", "nats_engine", "node", "postgresql", "start_daemon", "start_node"})
"""The fixtures that start a process. A test that uses one has the mark ``integration`` without saying so."""


@pytest.hookimpl(tryfirst=True)  # before -m deselects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and not STARTERS.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.integration)
    items.sort(key=lambda item: item.path.name not in _LONG)


_LONG = frozenset(
    {
        *("test_cluster_promise.py", "test_defects.py", "test_issuer.py", "test_javascript_client.py"),
        *("test_killed_at_every_step.py", "test_restarts.py", "test_resume_storm.py", "test_soak.py", "test_wheel.py"),
    }
)
"""Files with a test of 15 s and more: they begin first, or idle processors would wait for them at the end."""


class _ProcessGuard:
    """An audit hook: while it is on, a test that starts a process fails."""

    STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.fork", "os.system"})

    def __init__(self) -> None:
        self._is_on = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._is_on and event in self.STARTS:
            pytest.fail(f"a test that starts a process needs the mark `integration`: {event}")

    @contextmanager
    def watch(self, item: pytest.Item) -> Iterator[None]:
        self._is_on = item.get_closest_marker("integration") is None
        try:
            yield
        finally:
            self._is_on = False


_guard = _ProcessGuard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Watch no teardown: the session's last test ends what others have started."""
    with _guard.watch(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with _guard.watch(item):
        return (yield)


@pytest.fixture(autouse=True)
def no_actor_dies_or_stays(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Mark a test ``actors_may_fail`` if it is about an actor that dies, or skips a message that raised."""
    yield
    leftovers = ActorRegistry.get_all()
    if leftovers:
        ActorRegistry.stop_all(block=False)
        pytest.fail(f"left behind: {', '.join(map(str, leftovers))}")
    if request.node.get_closest_marker("actors_may_fail") is None:
        failures = [
            r.getMessage()
            for r in caplog.get_records("call")
            if r.name in ("pykka", "actors.runtime.supervisor") and r.levelno >= logging.ERROR
        ]
        assert not failures, failures
