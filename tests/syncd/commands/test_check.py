"""``syncd check`` as its user runs it: what one machine and its files may lack, and how it is told."""

import hashlib
import json
import os
import pty
import resource
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from storage.schema import migrate
from syncd.keys.kept_secret import FILE_NAME, kept_secret
from tests.daemon import ROOT, SECRET, DaemonProcess, StartDaemon
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

FAR_FUTURE = 2**57
"""A packed clock, of the year 2039."""


class Report:
    """What one run of ``syncd check --json`` said."""

    def __init__(self, *flags: str, limits: Callable[[], None] | None = None, **environment: str) -> None:
        self.done = subprocess.run(
            [sys.executable, "-m", "syncd", "check", "--json", *flags],
            cwd=ROOT,
            env={"SYNCD_PORT": "0", **environment},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            preexec_fn=limits,
        )
        self.results: list[dict[str, Any]] = json.loads(self.done.stdout)
        assert self.done.returncode == any(result["status"] == "failed" for result in self.results)
        for result in self.results:
            assert list(result) == ["name", "status", "detail", "fix"]
            assert (result["fix"] is None) == (result["status"] == "ok"), result

    def the(self, name: str) -> tuple[str, str, str]:
        """Return status, detail and fix of the only result of this name."""
        (result,) = [result for result in self.results if result["name"] == name]
        return result["status"], result["detail"], result["fix"] or ""


def limited(kind: int, most: int) -> Callable[[], None]:
    """Return what lets a process have no more than ``most`` of a resource."""
    return lambda: resource.setrlimit(kind, (most, most))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The database of a daemon that ran in ``tmp_path`` once."""
    migrate(f"sqlite:///{tmp_path / 'journal.db'}")
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as connection:
        yield connection


def test_before_the_first_start_everything_is_looked_at_and_nothing_made(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "later"
    report = Report("--data-dir", str(directory))
    assert report.done.returncode == 0
    names = [result["name"] for result in report.results]
    assert names == ["configuration", "keys", "address", "directory", "open files", "database", "bus", "clock"]
    assert report.the("directory")[1].startswith(f"{directory} will be created in {tmp_path}: ")
    assert report.the("database")[1] == f"sqlite: the first start creates {directory}/journal.db"
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_exists_is_tried_without_a_change(tmp_path: Path, journal: sqlite3.Connection) -> None:
    def digests() -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()}

    journal.execute("INSERT INTO heads VALUES ('ann', 1, 1, 1, 1, 'n')")
    journal.close()
    before = digests()
    report = Report("--data-dir", str(tmp_path), SYNCD_JWT_SECRET=SECRET)
    status, detail, _ = report.the("database")
    assert (status, detail.startswith("sqlite: schema 0002 is current; answers in ")) == ("ok", True)
    assert digests() == before


def test_it_may_be_asked_beside_a_running_daemon(start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon: DaemonProcess = start_daemon(data_dir=tmp_path)
    report = Report("--data-dir", str(tmp_path), "--port", str(daemon.port), SYNCD_JWT_SECRET=SECRET)
    assert report.done.returncode == 0
    assert report.the("address")[:2] == ("warning", f"another syncd is running on port {daemon.port}")
    assert report.the("database")[0] == "ok"


def test_a_port_that_something_else_has_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        thread = Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        report = Report("--data-dir", str(tmp_path), "--port", port)
        thread.join()
    status, detail, fix = report.the("address")
    assert (status, detail) == ("failed", f"--host 127.0.0.1 --port {port}: Address already in use")
    assert "SYNCD_PORT" in fix


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
        (("--jwt-algorithms", "HS256,RS256"), "keys", "of one family", "serve --help"),
        (("--jwt-public-key-file", "/nowhere"), "keys", "/nowhere holds no RS256 public key", "serve --help"),
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


def test_a_full_disk_fails(tmp_path: Path) -> None:
    report = Report("--data-dir", str(tmp_path), limits=limited(resource.RLIMIT_FSIZE, 0))
    assert report.the("directory")[:2] == ("failed", f"{tmp_path}: File too large")


def test_a_directory_in_which_nobody_may_write_fails() -> None:
    status, detail, fix = Report("--data-dir", "/proc").the("directory")  # modes would not bind root
    assert status == "failed"
    assert detail.startswith("/proc: ")
    assert "--data-dir" in fix


def test_too_few_open_files_are_a_warning(tmp_path: Path) -> None:
    report = Report("--data-dir", str(tmp_path), limits=limited(resource.RLIMIT_NOFILE, 256))
    status, detail, fix = report.the("open files")
    assert (status, detail.startswith("the limit is 256")) == ("warning", True)
    assert "LimitNOFILE" in fix
    few = Report("--data-dir", str(tmp_path), "--max-connections", "100", limits=limited(resource.RLIMIT_NOFILE, 256))
    assert few.the("open files")[0] == "ok"


def test_a_kept_secret_or_a_database_that_others_may_read_is_a_warning(
    tmp_path: Path, journal: sqlite3.Connection
) -> None:
    kept_secret(tmp_path)
    private = Report("--data-dir", str(tmp_path))
    assert (private.the("keys")[0], private.the("database")[0]) == ("ok", "ok")
    for file in (FILE_NAME, "journal.db"):
        (tmp_path / file).chmod(0o644)
    results = Report("--data-dir", str(tmp_path)).results
    warnings = [result for result in results if result["detail"].startswith("other users have access to ")]
    assert [(warning["name"], warning["fix"].split(",")[0]) for warning in warnings] == [
        ("keys", f"chmod 600 {tmp_path}/{FILE_NAME}"),
        ("database", f"chmod 600 {tmp_path}/journal.db"),
    ]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "failed", "from a newer release"),
        ("UPDATE alembic_version SET version_num = '0001'", "warning", "migrates schema 0001 to 0002"),
        ("BEGIN IMMEDIATE", "failed", "database is locked"),
    ],
)
def test_a_database_that_needs_attention(
    tmp_path: Path, journal: sqlite3.Connection, change: str, status: str, said: str
) -> None:
    journal.execute(change)
    found = Report("--data-dir", str(tmp_path)).the("database")
    assert found[0] == status
    assert said in found[1]


def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("a list of films, " * 100)
    assert Report("--data-dir", str(tmp_path)).the("database")[:2] == ("failed", "sqlite: file is not a database")


def test_changes_from_the_future_tell_that_the_clock_was_set_back(tmp_path: Path, journal: sqlite3.Connection) -> None:
    journal.execute("INSERT INTO heads VALUES ('ann', 1, 1, 1, ?, 'n')", [FAR_FUTURE])
    status, detail, fix = Report("--data-dir", str(tmp_path)).the("clock")
    assert status == "failed"
    assert "behind the newest change in the journal" in detail
    assert "SYNCD_MAX_CLOCK_DRIFT" in fix


def test_postgresql_without_its_driver_says_what_to_install() -> None:
    program = "import sys; sys.modules['psycopg'] = None; from syncd.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["check", "--port", "0", "--database-url", "postgresql://x@127.0.0.1:9/x"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, env={}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'syncd[postgresql]'" in done.stdout


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
