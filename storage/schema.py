"""The schema's version: read cheaply, brought up to date by Alembic, refused when newer than this code."""

from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, inspect, text, update

from storage.database import Database
from storage.tables import EPOCH, meta

HEAD = "0002"
"""The newest revision in ``migrations/versions``; a constant, so that an up-to-date database needs no Alembic."""

_MIGRATION_LOCK = 0x73796E6364  # "syncd": PostgreSQL's advisory lock that nodes starting together queue on


class SchemaTooNew(Exception):
    """The database was migrated by a newer release; this one would damage it."""


def schema_version(url: str) -> str | None:
    """Return the revision of the database's schema; ``None``: it has no tables yet.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    database = Database(url)
    try:
        with database.transaction(writing=False) as connection:
            return _version(connection)
    finally:
        database.close()


def migrate(url: str) -> None:
    """Bring the database's schema up to this code's; does nothing when it is.

    Raises:
        SchemaTooNew: this code is older than the database.
        StoreUnavailable: the database does not answer; its schema is as before.
    """
    database = Database(url)
    try:
        bring_up_to_date(database)
    finally:
        database.close()


def renew_epoch(url: str) -> None:
    """Give the database another epoch, so that every device starts from a snapshot: to be run after a restore.

    A restored backup looks like the database it was: the same epoch, a lower revision. A device that had seen more
    is recognised by that alone, but only until new writes have passed the revision it had seen.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    database = Database(url)
    try:
        with database.transaction(writing=True) as connection:
            connection.execute(update(meta).where(meta.c.key == EPOCH).values(value=uuid4().hex))
    finally:
        database.close()


def bring_up_to_date(database: Database) -> None:
    """``migrate`` on an open database."""
    with database.transaction(writing=False) as connection:
        if _checked(_version(connection)) == HEAD:
            return
    with database.transaction(writing=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table may take its time
        if _checked(_version(connection)) != HEAD:  # another node may have been first
            _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _checked(version: str | None) -> str | None:
    if version is not None and version > HEAD:
        raise SchemaTooNew(f"the database has schema {version}, this release knows up to {HEAD}: run a newer release")
    return version


def _upgrade(connection: Connection) -> None:
    # Here and not above: it costs a quarter of a second that only a first start or an upgrade should pay.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
