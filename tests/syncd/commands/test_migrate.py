"""``syncd migrate``: the schema before and after, and a new epoch after a restore."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.schema.version import HEAD
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration


def test_migrate_reports_the_schema_and_an_older_release_is_refused_by_a_newer_database(tmp_path: Path) -> None:
    done = syncd("migrate", "--data-dir", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith("schema: none -> ")
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.executescript("UPDATE alembic_version SET version_num = '9999'; DELETE FROM meta WHERE key <> 'epoch'")
    database.close()
    refused = syncd("serve", "--port", "0", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert "newer release" in refused.stderr


def test_after_a_restore_the_epoch_is_renewed_if_asked_for(tmp_path: Path) -> None:
    def epoch() -> str:
        with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
            (value,) = database.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
            return str(value)

    syncd("migrate", "--data-dir", str(tmp_path))
    first = epoch()
    done = syncd("migrate", "--data-dir", str(tmp_path))
    assert (done.stdout, epoch()) == (f"schema: {HEAD} -> {HEAD}\n", first)
    syncd("migrate", "--data-dir", str(tmp_path), "--renew-epoch")
    assert epoch() != first


def test_a_database_that_is_not_there_is_told() -> None:
    done = syncd("migrate", "--database-url", "postgresql://x@127.0.0.1:9/x")
    assert done.returncode == 1
    assert done.stderr.startswith("syncd migrate: postgresql: ")


def test_a_high_water_mark_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    syncd("migrate", "--data-dir", str(tmp_path))
    (tmp_path / "journal.db.high-water").mkdir()  # modes would not bind root
    done = syncd("migrate", "--data-dir", str(tmp_path), "--renew-epoch")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("syncd migrate: [Errno 21] Is a directory: ")
    assert "Traceback" not in done.stderr
