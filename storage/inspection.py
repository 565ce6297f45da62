"""Inspecting a database without changing it."""

import time
from collections.abc import Callable, Iterator

from msgspec import Struct
from sqlalchemy import Connection, Executable, false, func, insert, select, text

from crdt.hlc import HLCTimestamp
from storage.database import Database
from storage.schema import HEAD, check_may_migrate, schema_version
from storage.tables import heads, metadata

LOCK_TIMEOUT_S = 2.0
ROUND_TRIPS = 3
"""The fastest of these counts: the others may have waited for this process."""


class Inspection(Struct, frozen=True):
    """What was found in a database that answers and accepts writes."""

    schema: str | None
    """The revision of its schema; ``None``: it has no tables yet."""
    round_trip_s: float
    server_ahead_s: float | None
    """How far the server's clock is ahead of ours; ``None``: SQLite has no server."""
    newest_s: float | None
    """The latest timestamp in any user's list, seconds since 1970; ``None``: there is none, or it is not needed."""


def inspect_database(url: str, now_s: Callable[[], float] = time.time) -> Inspection:
    """Inspect a database that exists, and check that it can be migrated and written to.

    Raises:
        StoreUnavailable: it does not answer, or does not let this user write.
        ValueError: ``url`` names no SQLite or PostgreSQL database.

    Cost: on SQLite one row of each user is read.
    """
    schema = schema_version(url)
    database = Database(url, LOCK_TIMEOUT_S)
    try:
        with database.transaction(writing=False) as connection:
            round_trip_s = min(_round_trip_s(connection) for _ in range(ROUND_TRIPS))
            is_server = connection.dialect.name == "postgresql"
            server_ahead_s = _server_ahead_s(connection, now_s) if is_server else None
            newest_s = _newest_s(connection) if schema and not is_server else None
        with database.transaction(writing=True) as connection:
            _rehearse(connection, schema)
    finally:
        database.close()
    return Inspection(schema, round_trip_s, server_ahead_s, newest_s)


def _round_trip_s(connection: Connection) -> float:
    since_s = time.perf_counter()
    connection.scalar(select(1))
    return time.perf_counter() - since_s


def _server_ahead_s(connection: Connection, now_s: Callable[[], float]) -> float:
    asked_s = now_s()
    server_s = float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")))
    return server_s - (asked_s + now_s()) / 2


def _newest_s(connection: Connection) -> float | None:
    packed = connection.scalar(select(func.max(heads.c.clock)))
    return None if packed is None else HLCTimestamp.unpack(packed, "").physical / 1000


def _rehearse(connection: Connection, schema: str | None) -> None:
    """Try a node's writes without effect: the database still checks rights and locks."""
    if schema == HEAD:
        for statement in _writes_without_rows():
            connection.execute(statement)
    else:
        check_may_migrate(connection)
        connection.execute(text("CREATE TABLE syncd_check (number INTEGER)"))
    if (transaction := connection.get_transaction()) is not None:
        transaction.rollback()


def _writes_without_rows() -> Iterator[Executable]:
    for table in metadata.sorted_tables:
        yield insert(table).from_select(list(table.columns.keys()), select(table).where(false()))
        yield table.update().where(false()).values({column: column for column in table.columns})
        yield table.delete().where(false())
