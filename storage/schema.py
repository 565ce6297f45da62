"""The schema's version: read without Alembic, upgraded by Alembic, refused when newer than this code."""

from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, bindparam, text, update

from actors.errors import StoreUnavailable, ValueRefused
from storage.database import Database, Transaction
from storage.errors import SchemaTooNew
from storage.statements import Statement
from storage.tables import EPOCH, meta

HEAD = "0006"
"""The newest revision in ``migrations/versions``; a constant, so that an up-to-date database needs no Alembic."""

MIGRATION_IDLE_MS = 60_000
"""Between two statements of a migration: on a busy machine Alembic takes its time to be imported, and to read them."""

_MIGRATION_LOCK = 0x73796E6364  # "syncd": the PostgreSQL advisory lock that nodes queue on when they start together

_LOCK_MIGRATIONS = Statement(text("SELECT pg_advisory_xact_lock(:key)"))
_TAKE_LONG = Statement(text("SET LOCAL statement_timeout = 0"))
_PAUSE = Statement(text(f"SET LOCAL idle_in_transaction_session_timeout = {MIGRATION_IDLE_MS}"))
_MAY_CREATE = Statement(text("SELECT current_schema(), current_user, has_schema_privilege(current_schema(), 'CREATE')"))
_HAS_VERSION = {
    "sqlite": Statement(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")),
    "postgresql": Statement(text("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL")),
}
_VERSION = Statement(text("SELECT version_num FROM alembic_version"))
_RENEW_EPOCH = Statement(update(meta).where(meta.c.key == EPOCH).values(value=bindparam("epoch")))


def schema_version(url: str) -> str | None:
    """Return the revision of the database's schema; ``None``: it has no tables yet.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    database = Database(url)
    try:
        with database.transaction(writing=False) as transaction:
            return _version(transaction)
    finally:
        database.close()


def migrate(url: str) -> None:
    """Upgrade the database's schema to this code's; does nothing if it is current.

    Raises:
        SchemaTooNew: a newer release has migrated the database.
        StoreUnavailable: the database does not answer; its schema is as before.
    """
    database = Database(url)
    try:
        bring_up_to_date(database)
    finally:
        database.close()


def renew_epoch(url: str) -> None:
    """Upgrade the schema, and give the database a new epoch: every device starts from a snapshot. For after a restore.

    A restored backup has its old epoch and lower revisions. A device that had seen more is recognised by its revision,
    but only until new writes have passed it.

    Raises:
        OSError: the high-water mark cannot be written.
        SchemaTooNew: a newer release has migrated the database.
        StoreUnavailable: the database does not answer.
    """
    database = Database(url)
    try:
        mark = database.high_water_mark
        if mark is not None:
            mark.forget()
        bring_up_to_date(database)
        with database.transaction(writing=True) as transaction:
            transaction.execute(_RENEW_EPOCH, (uuid4().hex,))
        if mark is not None:
            mark.note_renewed()
    finally:
        database.close()


def is_up_to_date(database: Database) -> bool:
    """Return whether the schema is this code's. Raises: as ``migrate``."""
    with database.transaction(writing=False) as transaction:
        return _checked(_version(transaction)) == HEAD


def bring_up_to_date(database: Database) -> None:
    """``migrate`` on an open database."""
    if is_up_to_date(database):
        return
    try:
        with database.migration() as (transaction, connection):
            if transaction.dialect.name == "postgresql":
                transaction.execute(_LOCK_MIGRATIONS, (_MIGRATION_LOCK,))
                transaction.execute(_TAKE_LONG)  # a large table may
                transaction.execute(_PAUSE)
            if _checked(_version(transaction)) != HEAD:  # another node may have upgraded it meanwhile
                check_may_migrate(transaction)
                _upgrade(connection)
    except ValueRefused as error:
        raise StoreUnavailable(f"its rows do not fit schema {HEAD}: {error}") from error


def check_may_migrate(transaction: Transaction) -> None:
    """Check that this role may make tables where the journal's are. Raises: StoreUnavailable, with the fix."""
    if transaction.dialect.name != "postgresql":
        return
    ((schema, role, may_create),) = transaction.execute(_MAY_CREATE).fetchall()
    if schema is None:
        raise StoreUnavailable("postgresql: the search_path names no schema that exists: CREATE SCHEMA, or set another")
    if not may_create:
        raise StoreUnavailable(
            f"postgresql: migrating to schema {HEAD} needs the right to make tables, which {role} has not:"
            f" GRANT CREATE ON SCHEMA {schema} TO {role}"
        )


def _version(transaction: Transaction) -> str | None:
    if not transaction.execute(_HAS_VERSION[transaction.dialect.name]).fetchall():
        return None
    versions = transaction.execute(_VERSION).fetchall()
    return versions[0][0] if versions else None


def _checked(version: str | None) -> str | None:
    if version is not None and version > HEAD:
        raise SchemaTooNew(
            f"the database has schema {version}, this release supports up to {HEAD}: run a newer release"
        )
    return version


def _upgrade(connection: Connection) -> None:
    # Imported here: it takes a quarter of a second, which only a first start or an upgrade should pay for.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))  # configparser interpolates
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
