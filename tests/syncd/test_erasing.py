"""A user is erased as docs/operations.md says: nothing is left but the others', and the service goes on."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import psycopg
import pytest

from storage.schema.tables import metadata
from tests.daemon import FILM, ROOT, WATCHLIST, StartDaemon, bearer
from tests.syncd.command_line import syncd

pytestmark = pytest.mark.integration

LISTS = "/api/v1/sync/lists"
(SCRIPT,) = re.findall(
    r"```sql\n( +CREATE TEMPORARY TABLE erased.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL
)
TABLES = sorted(
    table.name for table in metadata.tables.values() if "user_id" in {column.name for column in table.columns}
)
NEIGHBOURS = ("alic", "alice2")
"""Whose ids look like that of the user who is erased."""


async def _write(http: aiohttp.ClientSession, url: str, user: str) -> None:
    """Let a user have a row in every table that knows users."""
    add = {"operation": "add", "content_id": FILM, "operation_id": "first", "tag": "app:1"}
    gone = {"operation": "remove", "content_id": FILM, "operation_id": "second"}
    play = {
        "content_id": FILM,
        "position_seconds": 1,
        "duration_seconds": 9,
        "state": "paused",
        "operation_id": "third",
    }
    for method, path, body, status in (
        ("POST", f"{LISTS}/kids", add, 200),
        ("POST", f"{LISTS}/kids", gone, 200),
        ("DELETE", f"{LISTS}/kids", None, 204),
        ("POST", f"{LISTS}/family", add, 200),
        ("POST", "/api/v1/sync/progress", play, 200),
        ("PUT", "/api/v1/devices/phone", {"device_name": "x"}, 200),
        ("POST", WATCHLIST, gone, 404),
        ("POST", WATCHLIST, {**add, "operation_id": "last"}, 200),
    ):
        async with http.request(method, url + path, json=body, headers=bearer(user)) as response:
            assert response.status == status, (path, await response.text())


class Database:
    """What the operator has in a shell."""

    def __init__(self, directory: Path, url: str | None) -> None:
        self._file = directory / "journal.db"
        self._url = url
        self.flags = ("--data-dir", str(directory)) + (() if url is None else ("--database-url", url))

    def run(self, script: str) -> None:
        if self._url is not None:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(script.encode())
        else:
            with closing(sqlite3.connect(self._file)) as connection:
                connection.executescript(script.replace("chr(31)", "char(31)"))

    def users(self) -> dict[str, list[str]]:
        """Return, by table, whose each row is."""
        if self._url is not None:
            with psycopg.connect(self._url) as connection:
                return {table: self._users(connection, table) for table in TABLES}
        with closing(sqlite3.connect(self._file)) as connection:
            return {table: self._users(connection, table) for table in TABLES}

    def _users(self, connection: "psycopg.Connection | sqlite3.Connection", table: str) -> list[str]:
        rows = connection.execute(f"SELECT user_id FROM {table}").fetchall()
        return sorted(line.partition("\x1f")[0] for (line,) in rows)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    url = None if request.param == "sqlite" else request.getfixturevalue("database_url")
    return Database(tmp_path / "data", url)


async def test_nothing_is_left_of_a_user_who_is_erased_and_the_others_go_on(
    database: Database, start_daemon: StartDaemon, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    daemon = start_daemon(*database.flags[2:])
    for user in (*NEIGHBOURS, "alice"):  # who is erased wrote last
        await _write(http, daemon.url, user)
    assert await daemon.terminate() == 0
    before = database.users()
    assert {table for table, users in before.items() if "alice" not in users} == {"presence"}  # nobody is connected
    database.run(SCRIPT)
    assert database.users() == {table: [user for user in users if user != "alice"] for table, users in before.items()}
    is_sqlite = len(database.flags) == len(("--data-dir", tmp_path))
    if is_sqlite:
        done = syncd("migrate", "--renew-epoch", *database.flags)
        assert done.returncode == 0, done.stderr
        assert "alice" not in (tmp_path / "data" / "journal.db.high-water").read_text()
    again = start_daemon(*database.flags[2:])
    await _write(http, again.url, "bob")


def test_the_rows_of_each_table_are_deleted() -> None:
    assert sorted(re.findall(r"DELETE FROM (\w+)", SCRIPT)) == TABLES
