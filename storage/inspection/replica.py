"""Inspecting a replica beside its database, without changing either."""

import time
from contextlib import closing
from typing import Any

from msgspec import Struct
from sqlalchemy import select, text

from actors.errors import StatementRefused, StoreUnavailable
from storage.databases.database import Database
from storage.databases.statements import Statement
from storage.errors import ReplicaUnavailable
from storage.inspection.database import LOCK_TIMEOUT_S, fastest_round_trip_s
from storage.schema.tables import EPOCH, meta
from storage.schema.version import read_schema, schema_version

CATCH_UP_S = 2.0
"""A replica that needs longer helps hardly anybody: whoever has just changed a list reads it."""

_EPOCH = Statement(select(meta.c.value).where(meta.c.key == EPOCH))
_WRITTEN = Statement(text("SELECT CASE WHEN NOT pg_is_in_recovery() THEN CAST(pg_current_wal_lsn() AS text) END"))
_BEHIND_BYTES = Statement(
    text(
        "SELECT CASE WHEN pg_is_in_recovery()"
        " THEN pg_wal_lsn_diff(CAST(:written AS pg_lsn), pg_last_wal_replay_lsn()) END"
    )
)


class ReplicaInspection(Struct, frozen=True):
    """What was found in a replica that answers, beside its database."""

    schema: str | None
    """The revision of its schema; ``None``: it has no tables."""
    is_served: bool
    """Whether this release reads that schema."""
    has_same_epoch: bool | None
    """Whether it is a copy of the database as it is; ``None``: the database has no tables yet."""
    round_trip_s: float
    behind_bytes: int | None
    """What it has not applied of the database's log as that was when asked, after waiting for ``behind_s``; ``None``:
    it is no standby, or does not say."""
    behind_s: float


def inspect_replica(url: str, replica_url: str, timeout_s: float = CATCH_UP_S) -> ReplicaInspection:
    """Inspect a replica of the database ``url``, which exists. That a replica can only be read is as it should be.

    Args:
        url: of the database.
        replica_url: of its replica.
        timeout_s: how long to wait until it has what the database had at first.

    Raises:
        ReplicaUnavailable: the replica does not answer, or does not let this user read.
        StoreUnavailable: the database does not.
        ValueError: a URL names no SQLite or PostgreSQL database.
    """
    epoch = _epoch(url)
    with closing(Database(url, LOCK_TIMEOUT_S, is_read_only=True)) as database:
        written = _scalar(database, _WRITTEN)
    try:
        schema, epoch_there = read_schema(replica_url), _epoch(replica_url)
        with closing(Database(replica_url, LOCK_TIMEOUT_S, is_read_only=True)) as replica:
            with replica.transaction(writing=False) as transaction:
                round_trip_s = fastest_round_trip_s(transaction)
            since_s = time.monotonic()
            while (behind := _behind_bytes(replica, written)) and time.monotonic() - since_s < timeout_s:
                time.sleep(0.01)
            behind_s = time.monotonic() - since_s
    except StoreUnavailable as error:
        raise ReplicaUnavailable(str(error)) from error
    return ReplicaInspection(
        schema=schema.version,
        is_served=schema.is_served,
        has_same_epoch=None if epoch is None else epoch == epoch_there,
        round_trip_s=round_trip_s,
        behind_bytes=behind,
        behind_s=behind_s,
    )


def _behind_bytes(replica: Database, written: str | None) -> int | None:
    behind = None if written is None else _scalar(replica, _BEHIND_BYTES, written)
    return None if behind is None else max(0, int(behind))


def _scalar(database: Database, query: Statement, *parameters: Any) -> Any:
    """Return a server's answer; ``None`` if it is of a kind that does not know the question."""
    try:
        with database.transaction(writing=False) as transaction:
            rows = transaction.execute(query, parameters).fetchall()
    except StatementRefused:
        return None
    return rows[0][0] if rows else None


def _epoch(url: str) -> str | None:
    if schema_version(url) is None:
        return None
    with closing(Database(url, LOCK_TIMEOUT_S, is_read_only=True)) as database:
        epoch: str | None = _scalar(database, _EPOCH)
    return epoch
