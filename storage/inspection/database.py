"""Inspecting a database without changing it."""

import time
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct
from sqlalchemy import func, select, text

from actors.messages.content_ids import ContentIdKind
from crdt.hlc import HLCTimestamp
from storage.databases.database import Database, Transaction
from storage.databases.statements import Statement
from storage.inspection.rehearsal import rehearse
from storage.schema.content_ids import recorded_content_ids
from storage.schema.tables import heads
from storage.schema.version import check_may_migrate, read_schema

LOCK_TIMEOUT_S = 2.0
ROUND_TRIPS = 3
"""The fastest of these counts: the others may have waited for this process."""

_ONE = Statement(select(1))
_SERVER_TIME = Statement(text("SELECT extract(epoch FROM clock_timestamp())"))
_NEWEST_CLOCK = Statement(select(func.max(heads.c.clock)))
_CREATE_A_TABLE = Statement(text("CREATE TABLE syncd_check (number INTEGER)"))


class Inspection(Struct, frozen=True):
    """What was found in a database that answers and accepts writes."""

    schema: str | None
    """The revision of its schema; ``None``: it has no tables yet."""
    is_served: bool
    """Whether this release works with that schema as it is."""
    round_trip_s: float
    server_ahead_s: float | None
    """How far the server's clock is ahead of ours; ``None``: SQLite has no server."""
    newest_s: float | None
    """The latest timestamp in any user's list, seconds since 1970; ``None``: there is none, or it is not needed."""
    content_ids: ContentIdKind
    """Which ids its contents have."""


def inspect_database(
    url: str, now_s: Callable[[], float] = time.time, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> Inspection:
    """Inspect a database that exists, and check that it can be migrated and written to.

    Raises:
        StoreUnavailable: it does not answer, or does not let this user write.
        ValueError: ``url`` names no SQLite or PostgreSQL database.

    Cost: on SQLite one row of each user is read.
    """
    schema = read_schema(url)
    database = Database(url, lock_timeout_s)
    try:
        with database.transaction(writing=False) as transaction:
            fastest_s = fastest_round_trip_s(transaction)
            is_server = transaction.dialect.name == "postgresql"
            server_ahead_s = _server_ahead_s(transaction, now_s) if is_server else None
            newest_s = _newest_s(transaction) if schema.version and not is_server else None
            content_ids = recorded_content_ids(transaction) if schema.version else "uuid"
        with suppress(_Rehearsed), database.transaction(writing=True) as transaction:
            _rehearse(transaction, is_served=schema.is_served)
            raise _Rehearsed
    finally:
        database.close()
    return Inspection(schema.version, schema.is_served, fastest_s, server_ahead_s, newest_s, content_ids)


class _Rehearsed(Exception):
    """Ends the transaction without effect."""


def fastest_round_trip_s(transaction: Transaction) -> float:
    """Return how long the database takes to answer, in seconds."""
    return min(_round_trip_s(transaction) for _ in range(ROUND_TRIPS))


def _round_trip_s(transaction: Transaction) -> float:
    since_s = time.perf_counter()
    transaction.execute(_ONE).fetchall()
    return time.perf_counter() - since_s


def _server_ahead_s(transaction: Transaction, now_s: Callable[[], float]) -> float:
    asked_s = now_s()
    ((server_s,),) = transaction.execute(_SERVER_TIME).fetchall()
    return float(server_s) - (asked_s + now_s()) / 2


def _newest_s(transaction: Transaction) -> float | None:
    ((packed,),) = transaction.execute(_NEWEST_CLOCK).fetchall()
    return None if packed is None else HLCTimestamp.unpack(packed, "").physical / 1000


def _rehearse(transaction: Transaction, *, is_served: bool) -> None:
    """Try a node's writes, or its migration."""
    if is_served:
        rehearse(transaction)
    else:
        check_may_migrate(transaction)
        transaction.execute(_CREATE_A_TABLE)
    transaction.execute(_ONE).fetchall()  # waits for the others
