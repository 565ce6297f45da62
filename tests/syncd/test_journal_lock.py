"""One daemon per SQLite journal, and none that is dead."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from storage.databases.database_url import sqlite_url
from syncd.errors import CommandError, SettingsError
from syncd.journal_lock import journal_lock
from syncd.settings import Settings
from tests.daemon import ROOT, SECRET, StartDaemon
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def syncd(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"SYNCD_JWT_SECRET": SECRET, "SYNCD_PORT": "0"}
    command = [sys.executable, "-m", "syncd", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)


def test_a_second_daemon_and_a_migration_name_the_directory_and_the_first_until_it_is_killed(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    directory = tmp_path / "data"
    first = start_daemon(data_dir=directory)
    own = ("--data-dir", str(directory))
    by_url = ("--data-dir", str(tmp_path), "--database-url", sqlite_url(directory / "journal.db"))
    for arguments in (own, by_url):
        for command in (("serve", *arguments), ("migrate", *arguments), ("migrate", "--renew-epoch", *arguments)):
            refused = syncd(*command)
            place = " ".join((arguments[-2], str(directory)))
            said = f"syncd {command[0]}: {place}: another syncd (process {first.process.pid}) uses it\n"
            assert (refused.returncode, refused.stderr) == (1, said)
    first.kill()
    assert syncd("migrate", *own).returncode == 0
    start_daemon(data_dir=directory)


async def test_a_daemon_that_stops_leaves_the_directory_to_the_next(start_daemon: StartDaemon) -> None:
    assert await start_daemon().terminate() == 0
    start_daemon()


def test_a_program_started_by_the_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with journal_lock(settings):
        command = [sys.executable, "-c", "input(input())"]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, close_fds=False
        )
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("I run\n")
        assert child.stdout.read(5) == "I run"
    with journal_lock(settings):
        child.communicate("\n", timeout=TIMEOUT_S)


def test_a_lock_whose_holder_left_no_number_is_kept_all_the_same(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with journal_lock(settings):
        (tmp_path / "journal.db.lock").write_text("")
        with pytest.raises(CommandError, match=r": another syncd uses it$"), journal_lock(settings):
            pass


def test_a_lock_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "journal.db.lock"
    lock.mkdir()  # modes would not bind root
    said = re.escape(f"--data-dir {lock}: Is a directory")
    with pytest.raises(SettingsError, match=f"^{said}$"), journal_lock(Settings(data_dir=tmp_path)):
        pass


def test_nodes_on_postgresql_lock_nothing_and_make_no_directory(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new", database_url="postgresql://db/syncd")
    with journal_lock(settings), journal_lock(settings):
        assert not settings.data_dir.exists()


def test_links_to_one_journal_lead_to_one_lock(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "journal.db").symlink_to(tmp_path / "disk" / "journal.db")
    by_link, by_name = Settings(data_dir=tmp_path), Settings(data_dir=tmp_path / "disk")
    said = r": another syncd \(process \d+\) uses it$"
    with journal_lock(by_link), pytest.raises(CommandError, match=said), journal_lock(by_name):
        pass


def test_a_link_to_a_disk_that_is_not_mounted_names_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "journal.db").symlink_to(tmp_path / "disk" / "journal.db")
    said = re.escape(f"--data-dir {tmp_path / 'disk'}: No such file or directory")
    with pytest.raises(SettingsError, match=f"^{said}$"), journal_lock(Settings(data_dir=tmp_path)):
        pass
    assert not (tmp_path / "disk").exists()
