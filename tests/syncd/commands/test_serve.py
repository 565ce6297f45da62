"""``syncd serve`` ends with one line when it cannot start; what it does when it can is told by whole daemons."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.daemon import ROOT, SECRET, DaemonProcess, StartDaemon
from tests.syncd.command_line import syncd
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def test_a_taken_port_is_told(daemon: DaemonProcess, tmp_path: Path) -> None:
    done = syncd("serve", "--port", str(daemon.port), "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"--port {daemon.port}" in done.stderr


async def test_it_says_where_it_listens_and_that_it_stops(start_daemon: StartDaemon) -> None:
    daemon = start_daemon("--log-format", "json")
    assert await daemon.terminate() == 0
    assert '"event": "stopping"' in daemon.log.read_text().splitlines()[-1]


def test_a_database_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    done = syncd(
        *("serve", "--port", "0", "--data-dir", str(tmp_path), "--log-level", "error"),
        *("--database-url", "postgresql://x@127.0.0.1:9/x"),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("syncd serve: the journal's database cannot be used: postgresql: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), []),
        (
            ("--bus", "nats://127.0.0.1:9", "--jwt-secret", f"{SECRET}\n"),
            ["SQLite is not shared", "show any user's devices changes that never happened", "by a flag", "whitespace"],
        ),
        (
            ("--bus", "nats://127.0.0.1:9", "--bus-foreign", "on"),
            ["SQLite is not shared", "change any user's list, and the admin API acts on one node only: give every"],
        ),
    ],
)
async def test_it_warns_of_what_the_check_warns_of_as_of_a_bus_without_a_key(
    start_daemon: StartDaemon, flags: tuple[str, ...], said: list[str]
) -> None:
    daemon = start_daemon("--log-format", "json", *flags)
    assert await daemon.terminate() == 0
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines()]
    warnings = [
        line["event"] for line in lines if line["logger"] == "syncd.commands.serve" and line["level"] == "warning"
    ]
    assert len(warnings) == len(said)
    for warning, part in zip(warnings, said, strict=True):
        assert part in warning


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--heartbeat-interval", "4", "--heartbeat-timeout", "2"), "--heartbeat-timeout (SYNCD_HEARTBEAT_TIMEOUT)"),
        (("--allowed-origins", "*"), "--allowed-origins (SYNCD_ALLOWED_ORIGINS)"),
    ],
)
def test_it_refuses_what_the_check_calls_failed_and_makes_nothing(
    tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    done = syncd("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), *flags)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_nobody_reads_stops_neither_the_service_nor_its_end(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "syncd", "serve", "--port", "0", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"SYNCD_JWT_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
            url = process.stdout.readline().decode().split()[-1]
            for _ in range(100):
                with pytest.raises(HTTPError, match="401"):  # a line in the log each
                    urlopen(f"{url}/api/v1/admin/stats", timeout=TIMEOUT_S)
            process.terminate()
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
        assert len(process.stderr.read()) <= 4096
