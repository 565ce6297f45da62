"""The schema's version: read without Alembic, upgraded by Alembic, refused when newer than this code."""

from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, inspect, text, update

from actors.errors import StoreUnavailable, ValueRefused
from storage.database import Database
from storage.errors import SchemaTooNew
from storage.tables import EPOCH, meta

HEAD = "0004"
"""The newest revision in ``migrations/versions``; a constant, so that an up-to-date database needs no Alembic."""

_MIGRATION_LOCK = 0x73796E6364  # "syncd": the PostgreSQL advisory lock that nodes queue on when they start together


_MAY_CREATE = text("SELECT current_schema(), current_user, has_schema_privilege(current_schema(), 'CREATE')")


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
    """Give the database a new epoch, so that every device starts from a snapshot. Run it after a restore.

    A restored backup has its old epoch and lower revisions. A device that had seen more is recognised by its revision,
    but only until new writes have passed it.

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
    try:
        with database.transaction(writing=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table may take long
            if _checked(_version(connection)) != HEAD:  # another node may have upgraded it meanwhile
                check_may_migrate(connection)
                _upgrade(connection)
    except ValueRefused as error:
        raise StoreUnavailable(f"its rows do not fit schema {HEAD}: {error}") from error


def check_may_migrate(connection: Connection) -> None:
    """Check that this role may make tables where the journal's are. Raises: StoreUnavailable, with the fix."""
    if connection.dialect.name != "postgresql":
        return
    schema, role, may_create = connection.execute(_MAY_CREATE).one()
    if schema is None:
        raise StoreUnavailable("postgresql: the search_path names no schema that exists: CREATE SCHEMA, or set another")
    if not may_create:
        raise StoreUnavailable(
            f"postgresql: migrating to schema {HEAD} needs the right to make tables, which {role} has not:"
            f" GRANT CREATE ON SCHEMA {schema} TO {role}"
        )


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


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
