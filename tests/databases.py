"""A PostgreSQL of the tests' own: fixtures for a conftest.py to import."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from syncd.cluster import LocalPostgreSQL, local_postgresql
from syncd.errors import ClusterError

_schemas = count(1)


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
