"""A PostgreSQL of the tests' own: fixtures for a conftest.py to import."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import psycopg
import pytest

from syncd.cluster import LocalPostgreSQL, local_postgresql
from syncd.errors import ClusterError

_schemas = count(1)


class Standby(LocalPostgreSQL):
    """A server that follows the one on ``primary_sockets``."""

    def __init__(self, directory: Path, sockets: Path, primary_sockets: str, settings: Sequence[str] = ()) -> None:
        super().__init__(directory, sockets, settings)
        self._primary_sockets = primary_sockets

    def start(self) -> None:
        if not self._data.exists() and self._user is not None:
            os.chown(self._directory, pwd.getpwnam(self._user).pw_uid, -1)
        if not self._data.exists():
            copied_from = ("-h", self._primary_sockets, "-U", "postgres", "--checkpoint=fast")
            self._run("pg_basebackup", *copied_from, "--write-recovery-conf", "-D", str(self._data))
        super().start()

    def promote(self) -> None:
        """Make it a primary; return when it lets write."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "promote")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[LocalPostgreSQL]:
    directory = Path(tempfile.mkdtemp(prefix="syncd-pg-"))
    try:
        with local_postgresql(
            directory, ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "track_commit_timestamp=on")
        ) as server:
            yield server
    except ClusterError as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def database_url(postgresql: LocalPostgreSQL) -> str:
    return new_database(postgresql)


def execute(url: str, *statements: str) -> None:
    """Execute each statement by itself, as the owner of everything in the tests' databases."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def new_database(server: LocalPostgreSQL) -> str:
    """Return the URL of an empty schema: as good as a database, and made at once."""
    name = f"schema_{next(_schemas)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{server.url}&options=-csearch_path%3D{name}"
