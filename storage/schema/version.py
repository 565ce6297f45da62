"""The schema's version: read without Alembic, upgraded by Alembic, refused when newer than this code can work with.

About going back. Each upgrade leaves in the database which releases it still suits (``COMPATIBLE_FROM``). So nodes of
the release before serve a newer schema, as a cluster needs that is upgraded, or downgraded, node by node.
"""

from pathlib import Path
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import Connection, select, text

from actors.errors import StoreUnavailable, ValueRefused
from storage.databases.database import Database, Transaction
from storage.databases.statements import Statement
from storage.errors import SchemaTooNew
from storage.schema.promotion import RENEW_EPOCH
from storage.schema.tables import COMPATIBILITY, meta

HEAD = "0009"
"""The newest revision in ``migrations/versions``; a constant, so that an up-to-date database needs no Alembic."""

COMPATIBLE_FROM = "0006"
"""The oldest ``HEAD`` whose code can work with schema ``HEAD``. Raise it to the revision of a migration that does more
than add what such code may leave out: it is refused then, by name."""

MIGRATION_IDLE_MS = 60_000
"""Between two statements of a migration: on a busy machine Alembic takes its time to be imported, and to read them."""

_MIGRATION_LOCK = 0x73796E6364  # "syncd": the PostgreSQL advisory lock that nodes queue on when they start together

_LOCK_MIGRATIONS = Statement(text("SELECT pg_advisory_xact_lock(:key)"))
_TAKE_LONG = Statement(text("SET LOCAL statement_timeout = 0"))
# Since PostgreSQL 17: it bounds the whole migration. Older servers do not know it.
_TAKE_LONG_IN_ALL = Statement(
    text("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'")
)
_PAUSE = Statement(text(f"SET LOCAL idle_in_transaction_session_timeout = {MIGRATION_IDLE_MS}"))
_MAY_CREATE = Statement(text("SELECT current_schema(), current_user, has_schema_privilege(current_schema(), 'CREATE')"))
_HAS_VERSION = {
    "sqlite": Statement(text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")),
    "postgresql": Statement(text("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL")),
}
_VERSION = Statement(text("SELECT version_num FROM alembic_version"))
_COMPATIBLE_FROM = Statement(select(meta.c.value).where(meta.c.key == COMPATIBILITY))
# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_MARK_COMPATIBLE = Statement(
    text(
        f"INSERT INTO meta (key, value) VALUES ('{COMPATIBILITY}', :revision)"  # noqa: S608 - a constant
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
)


class Schema(Struct, frozen=True):
    """What a database says of its schema."""

    version: str | None
    """Its revision; ``None``: it has no tables yet."""
    compatible_from: str | None = None
    """``COMPATIBLE_FROM`` of the release that made it; ``None``: that did not say."""

    @property
    def is_newer(self) -> bool:
        """Whether a newer release has made it."""
        return self.version is not None and self.version > HEAD

    @property
    def is_served(self) -> bool:
        """Whether this code works with it as it is."""
        return self.version == HEAD or (
            self.is_newer and self.compatible_from is not None and self.compatible_from <= HEAD
        )


def schema_version(url: str) -> str | None:
    """Return the revision of the database's schema; ``None``: it has no tables yet. Raises: as ``read_schema``."""
    return read_schema(url).version


def read_schema(url: str) -> Schema:
    """Return what the database says of its schema.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    database = Database(url)
    try:
        with database.transaction(writing=False) as transaction:
            return _read(transaction)
    finally:
        database.close()


def migrate(url: str) -> None:
    """Upgrade the database's schema to this code's; does nothing if this code works with it as it is.

    Raises:
        SchemaTooNew: a newer release has migrated the database, and this one cannot work with what it made.
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
            transaction.execute(RENEW_EPOCH, (uuid4().hex,))
        if mark is not None:
            mark.note_renewed()
    finally:
        database.close()


def is_up_to_date(database: Database) -> bool:
    """Return whether this code works with the schema as it is. Raises: as ``migrate``."""
    with database.transaction(writing=False) as transaction:
        return _checked(_read(transaction)).is_served


def bring_up_to_date(database: Database) -> None:
    """``migrate`` on an open database."""
    if is_up_to_date(database):
        return
    try:
        with database.migration() as (transaction, connection):
            if transaction.dialect.name == "postgresql":
                transaction.execute(_TAKE_LONG_IN_ALL)  # first: others' migrations are waited for
                transaction.execute(_LOCK_MIGRATIONS, (_MIGRATION_LOCK,))
                transaction.execute(_TAKE_LONG)  # a large table may
                transaction.execute(_PAUSE)
            if not _checked(_read(transaction)).is_served:  # another node may have upgraded it meanwhile
                check_may_migrate(transaction)
                _upgrade(connection)
                transaction.execute(_MARK_COMPATIBLE, (COMPATIBLE_FROM,))
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


def _read(transaction: Transaction) -> Schema:
    if not transaction.execute(_HAS_VERSION[transaction.dialect.name]).fetchall():
        return Schema(None)
    versions = transaction.execute(_VERSION).fetchall()
    schema = Schema(versions[0][0] if versions else None)
    if not schema.is_newer:
        return schema
    marks = transaction.execute(_COMPATIBLE_FROM).fetchall()
    return Schema(schema.version, marks[0][0] if marks else None)


def _checked(schema: Schema) -> Schema:
    if schema.is_newer and not schema.is_served:
        raise SchemaTooNew(
            f"the database has schema {schema.version}, this release supports up to {HEAD}: run a newer release"
        )
    return schema


def _upgrade(connection: Connection) -> None:
    # Imported here: it takes a quarter of a second, which only a first start or an upgrade should pay for.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    scripts = str(Path(__file__).parents[1] / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))  # configparser interpolates
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
