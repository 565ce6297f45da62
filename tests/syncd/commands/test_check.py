"""``syncd check`` as its user runs it: what it looks at, how it reports that, and that it shows no secret."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.keys.kept_secret import kept_secret
from tests.daemon import ROOT
from tests.syncd.checks.report import Report


def test_before_the_first_start_everything_is_looked_at_and_nothing_made(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "later"
    report = Report("--data-dir", str(directory))
    assert report.done.returncode == 0
    names = [result["name"] for result in report.results]
    assert names == ["configuration", "keys", "address", "directory", "open files", "database", "bus", "clock"]
    assert report.the("directory")[1].startswith(f"{directory} will be created in {tmp_path}: ")
    assert report.the("database")[1] == f"sqlite: the first start creates {directory}/journal.db"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("SYNCD_PORT", "many", "SYNCD_PORT: "), ("SYNCD_BUS_KEY", "a-short-secret", "SYNCD_BUS_KEY: ")],
)
def test_a_setting_that_cannot_be_read_is_the_only_result(variable: str, value: str, said: str) -> None:
    environment = {variable: value}
    report = Report(limits=None, **environment)
    assert [result["name"] for result in report.results] == ["configuration"]
    status, detail, _ = report.the("configuration")
    assert (status, detail.startswith(said)) == ("failed", True)
    assert value == "many" or value not in report.done.stdout


@pytest.mark.parametrize(
    ("flags", "name", "said", "fix"),
    [
        (("--jwt-secret", "short"), "keys", "jwt-secret must hold at least 32 bytes", "--jwt-secret"),
        (("--jwt-algorithms", "HS256,RS256"), "keys", "must be of HS256, HS384, HS512, not RS256", "serve --help"),
        (("--jwt-public-key-file", "/nowhere"), "keys", "/nowhere holds no usable public key", "serve --help"),
        (("--bus", "pigeon"), "bus", "must be none, pubnub or nats", "--bus (SYNCD_BUS)"),
        (("--bus", "pubnub"), "bus", "needs --pubnub-subscribe-key", "--bus (SYNCD_BUS)"),
        (("--database-url", "nonsense"), "database", "not the URL of a database", "postgresql://user:password@"),
        (("--database-url", "mysql://x"), "database", "not 'mysql'", "postgresql://user:password@"),
        (("--host", "192.0.2.1"), "address", "Cannot assign requested address", "--host (SYNCD_HOST)"),
        (("--data-dir", "/dev/null/x"), "directory", "/dev/null: Not a directory", "--data-dir (SYNCD_DATA_DIR)"),
    ],
)
def test_what_would_end_the_start_fails_and_says_what_to_fix(
    tmp_path: Path, flags: tuple[str, ...], name: str, said: str, fix: str
) -> None:
    kept_secret(tmp_path)
    status, detail, told = Report("--data-dir", str(tmp_path), *flags).the(name)
    assert status == "failed"
    assert said in detail
    assert fix in told


def test_no_secret_is_printed_whatever_fails(tmp_path: Path) -> None:
    flags = ("--database-url", "postgresql://ann:one%21secret@127.0.0.1:9/x", "--bus", "amqp://ann:another@127.0.0.1")
    elsewhere = "postgresql://127.0.0.1:9/x?user=ann@home&password=one%21secret"
    for database in (
        flags,
        ("--database-url", "postgresql://ann:one%21secret@:word@nowhere/x", *flags[2:]),
        ("--database-url", elsewhere, *flags[2:]),
    ):
        done = Report(*database, SYNCD_JWT_SECRET="a third secret").done
        assert "127.0.0.1" in done.stdout
        for secret in ("one%21secret", "one!secret", "word@nowhere", "another", "a third"):
            assert secret not in done.stdout + done.stderr


@pytest.mark.integration
def test_for_people_there_is_a_line_for_each_and_colour_on_a_terminal_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "syncd", "check", "--data-dir", str(tmp_path), "--port", "0", "--bus", "pigeon"]

    def shown(**environment: str) -> str:
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=theirs, check=False)
            os.close(theirs)
            assert done.returncode == 1
            return terminal.read(65536).decode()

    piped = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True).stdout
    assert "\nfailed   bus            --bus pigeon: must be" in piped
    assert "\n                        fix: 'syncd serve --help'" in piped
    assert piped.splitlines()[-1].startswith("1 failed")
    assert "\x1b[" not in piped
    assert "\x1b[31mfailed \x1b[0m  bus" in shown()
    assert "\x1b[" not in shown(NO_COLOR="1")
