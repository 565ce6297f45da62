"""A process may open as many files as the system allows, and one that can open no more says so until it can."""

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

import pytest

from actors.metrics import OpenFilesMetrics
from syncd.process.open_files import LOG_EVERY_S, OpenFiles, raise_file_limit
from tests.daemon import ROOT, SECRET
from tests.timeouts import TIMEOUT_S

MOST_FILES = 100


@contextmanager
def no_files_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        for _ in range(2):
            raise_file_limit()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_each_look_counts_and_a_line_a_minute_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    metrics, now_s = OpenFilesMetrics(), [0.0]
    files = OpenFiles(metrics, lambda: now_s[0])
    caplog.set_level("INFO")
    files.look()
    with no_files_left():
        for now_s[0] in (1.0, 2.0, LOG_EVERY_S, 1.0 + LOG_EVERY_S):
            files.look()
    files.look()
    files.look()
    assert metrics.exhausted == 4
    levels = [record.levelname for record in caplog.records]
    assert levels == ["ERROR", "ERROR", "INFO"]
    assert "Too many open files; the limit of this process is 0: raise LimitNOFILE" in caplog.text


@pytest.mark.integration
def test_a_daemon_whose_files_are_used_up_tells_it_and_recovers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ["sh", "-c", f'ulimit -n {MOST_FILES} && exec "$@"', "sh", sys.executable, "-m", "syncd", "--port", "0"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*command, "--data-dir", str(tmp_path / "data")],
            cwd=ROOT,
            env={"SYNCD_JWT_SECRET": SECRET},
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as daemon,
    ):
        try:
            assert daemon.stdout is not None
            url = daemon.stdout.readline().decode().split()[-1]
            port = int(url.rpartition(":")[2])
            with ExitStack() as stack:
                for _ in range(MOST_FILES):
                    stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                wait_for(log, "no file can be opened, and new connections are closed at once: Too many open files")
            wait_for(log, "files can be opened again")
            with urlopen(f"{url}/metrics", timeout=TIMEOUT_S) as answer:
                figures = answer.read().decode()
        finally:
            daemon.kill()
    (line,) = [line for line in figures.splitlines() if line.startswith("syncd_open_files_exhausted_total ")]
    assert float(line.split()[1]) >= 1


def wait_for(log: Path, text: str) -> None:
    ends_s = monotonic() + TIMEOUT_S
    while not any(
        text in json.loads(line)["event"] for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")
    ):
        assert monotonic() < ends_s, log.read_text()
        sleep(0.02)
