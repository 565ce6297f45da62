"""Databases as an older release left them."""

from pathlib import Path

from alembic import command
from alembic.config import Config

import storage
from storage.databases.database import Database


def migrate_to(revision: str, url: str) -> None:
    """Upgrade the schema to ``revision`` and no further."""
    database = Database(url)
    with database.migration() as (_, connection):
        config = Config()
        config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    database.close()
