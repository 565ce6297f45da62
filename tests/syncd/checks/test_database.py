"""A journal's database that works, refuses, is of another release, or is none."""

import hashlib
import sqlite3
import sys
from pathlib import Path

import psycopg
import pytest

from storage.schema.version import HEAD, migrate
from syncd.checks.database import check_database
from syncd.cluster import LocalPostgreSQL
from syncd.settings import Settings
from tests.daemon import SECRET
from tests.syncd.checks.conftest import Check
from tests.syncd.checks.report import Report, assert_result

pytestmark = pytest.mark.integration

FAR_FUTURE = 2**57
"""A packed clock, of the year 2039."""
INSERT = (
    "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node) VALUES ('ann', 1, 1, 1, ?, 'n')"
)
NEWER = "UPDATE alembic_version SET version_num = '9999'"
"""Leaves the mark that this release has made: it can work with it."""


def test_a_database_that_exists_is_tried_without_a_change(tmp_path: Path, journal: sqlite3.Connection) -> None:
    def digests() -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.iterdir()}

    journal.execute(INSERT, [1])
    journal.close()
    before = digests()
    report = Report("--data-dir", str(tmp_path), SYNCD_JWT_SECRET=SECRET)
    status, detail, _ = report.the("database")
    assert (status, detail.startswith(f"sqlite: schema {HEAD} is current; answers in ")) == ("ok", True)
    assert digests() == before


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (f"{NEWER}; UPDATE meta SET value = '9999' WHERE key = 'compatible_from'", "failed", "from a newer release"),
        (NEWER, "ok", "schema 9999 is of a newer release, and suits this one"),
        ("UPDATE alembic_version SET version_num = '0001'", "warning", f"migrates schema 0001 to {HEAD}"),
        ("BEGIN IMMEDIATE", "failed", "database is locked"),
    ],
)
def test_what_is_wrong_with_a_database_is_told_with_what_to_do(
    tmp_path: Path, journal: sqlite3.Connection, change: str, status: str, said: str
) -> None:
    journal.executescript(change)
    found = Report("--data-dir", str(tmp_path)).the("database")
    assert found[0] == status
    assert said in found[1]


def test_ids_of_contents_that_are_others_in_the_journal_are_told(tmp_path: Path, journal: sqlite3.Connection) -> None:
    before = [result["detail"] for result in Report("--data-dir", str(tmp_path), "--content-ids", "text").results]
    assert any("lets contents be named by any text" in detail for detail in before)
    journal.execute("INSERT INTO meta VALUES ('content_ids', 'text')")
    refused = Report("--data-dir", str(tmp_path)).results
    assert [result["status"] for result in refused if "would take UUIDs" in result["detail"]] == ["failed"]
    Report("--data-dir", str(tmp_path), "--content-ids", "text").the("database")


def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("a list of films, " * 100)
    assert Report("--data-dir", str(tmp_path)).the("database")[:2] == ("failed", "sqlite: file is not a database")


def test_a_lock_that_cannot_be_opened_fails(tmp_path: Path, journal: sqlite3.Connection) -> None:
    (tmp_path / "journal.db.lock").unlink(missing_ok=True)
    (tmp_path / "journal.db.lock").mkdir()  # modes would not bind root
    status, detail, fix = Report("--data-dir", str(tmp_path)).the("database")
    assert (status, detail) == ("failed", f"{tmp_path}/journal.db.lock: Is a directory")
    assert "chown" in fix


def test_changes_from_the_future_tell_that_the_clock_was_set_back(tmp_path: Path, journal: sqlite3.Connection) -> None:
    journal.execute(INSERT, [FAR_FUTURE])
    status, detail, fix = Report("--data-dir", str(tmp_path)).the("clock")
    assert status == "failed"
    assert "behind the newest change in the journal" in detail
    assert "SYNCD_MAX_CLOCK_DRIFT" in fix


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # cannot be imported
    status, _, fix = Report("--database-url", "postgresql://x@127.0.0.1:9/x").the("database")
    assert status == "failed"
    assert fix.startswith("pip install 'syncd[postgresql]', for --database-url")


def execute(server: LocalPostgreSQL, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_postgresql_is_tried_before_and_after_its_first_migration(check: Check, database_url: str) -> None:
    for _ in range(2):  # the first left nothing
        assert_result((await check(database_url=database_url))["database"], "ok", "postgresql: empty")
    migrate(database_url)
    found = await check(database_url=database_url)
    assert_result(found["database"], "ok", f"postgresql: schema {HEAD} is current")
    assert_result(found["clock"], "ok", " s from the database")
    assert_result(found["configuration"], "warning", "without a bus", "--bus (SYNCD_BUS)")
    assert "directory" not in found, "with PostgreSQL and a key nothing is written"


@pytest.mark.parametrize("is_migrated", [False, True])
async def test_a_postgresql_that_only_lets_read_fails(check: Check, database_url: str, is_migrated: bool) -> None:
    if is_migrated:
        migrate(database_url)
    read_only = f"{database_url}%20-cdefault_transaction_read_only%3Don"
    assert_result((await check(database_url=read_only))["database"], "failed", "read-only transaction")


async def test_a_user_without_rights_on_the_tables_fails(
    check: Check, postgresql: LocalPostgreSQL, database_url: str
) -> None:
    migrate(database_url)
    schema = database_url.rpartition("%3D")[2]
    execute(
        postgresql,
        f"CREATE ROLE reader_of_{schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO PUBLIC;"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO PUBLIC",
    )
    url = database_url.replace("postgres@", f"reader_of_{schema}@")
    assert_result((await check(database_url=url))["database"], "failed", "permission denied for table", "writable")


async def test_a_database_that_others_may_read_is_a_warning(tmp_path: Path, journal: sqlite3.Connection) -> None:
    settings = Settings(data_dir=tmp_path)
    assert [result.status for result in (await check_database(settings)).results] == ["ok"]
    (tmp_path / "journal.db").chmod(0o644)
    _, result = (await check_database(settings)).results
    assert_result(result, "warning", f"other users have access to {tmp_path}/journal.db", f"chmod 600 {tmp_path}")
