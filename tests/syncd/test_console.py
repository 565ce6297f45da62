"""Whatever a command's output is connected to: it is printed, or one line says why not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import ROOT, SECRET
from tests.syncd.command_line import syncd
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

TOKEN = ("token", "--user", "u", "--device", "d")
FULL = Path("/dev/full")
BROKEN_PIPE = 141


UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
"""As in the image."""
environments = pytest.mark.parametrize("environment", [{}, UNBUFFERED], ids=["buffered", "unbuffered"])


def run_into(stdout: int, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syncd", *arguments],
        cwd=ROOT,
        env={"SYNCD_JWT_SECRET": SECRET, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_console_without_a_character_is_shown_its_escape_and_json_stays_json(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    data_dir = tmp_path / "Zoë 日本 👩"
    data_dir.mkdir()
    arguments = ("check", "--data-dir", str(data_dir), "--port", "0", *flags)
    done = syncd(*arguments, PYTHONIOENCODING="ascii", SYNCD_JWT_SECRET=SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    if flags:
        assert any(str(data_dir) in result["detail"] for result in json.loads(done.stdout))
    else:
        assert r"Zo\xeb \u65e5\u672c \U0001f469" in done.stdout


SIGNED = "signed with the secret of SYNCD_JWT_SECRET\n"
"""Which secret it was, for the person at the terminal."""


@environments
@pytest.mark.parametrize("arguments", [TOKEN, ("--help",)])
def test_who_no_longer_reads_ends_a_command_without_a_word(
    arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run_into(writing, environment, *arguments)
    os.close(writing)
    assert (done.returncode, done.stderr) == (BROKEN_PIPE, "" if arguments != TOKEN else SIGNED)


@environments
def test_output_that_has_no_room_is_told_in_one_line(environment: dict[str, str]) -> None:
    with FULL.open("w") as full:
        done = run_into(full.fileno(), environment, *TOKEN)
    said = f"{SIGNED}syncd: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@environments
def test_the_daemon_serves_although_its_address_cannot_be_printed(tmp_path: Path, environment: dict[str, str]) -> None:
    with FULL.open("w") as full:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "syncd", "--port", "0", "--data-dir", str(tmp_path)],
            cwd=ROOT,
            env={"SYNCD_JWT_SECRET": SECRET, **environment},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert daemon.stderr is not None
    with daemon:
        said = next(line for line in daemon.stderr if "could not be printed" in line)
        assert "No space left on device" in said
        assert " listens on http://" in said
        daemon.send_signal(signal.SIGTERM)
        rest = daemon.stderr.read()
        assert daemon.wait(TIMEOUT_S) == 0
    assert "Traceback" not in said + rest


def test_a_mistake_keeps_its_status_where_nobody_can_read_it() -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "syncd", "--port", "70000"], cwd=ROOT, env={}, stderr=full, timeout=TIMEOUT_S
        )
    assert done.returncode == 2


def test_streams_that_were_closed_lead_nowhere_and_a_command_works() -> None:
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "syncd", *TOKEN]
    environment = {"SYNCD_JWT_SECRET": SECRET}
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=TIMEOUT_S).returncode == 0
