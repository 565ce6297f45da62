"""``syncd migrate``: upgrade the database's schema, as the daemon does at its start."""

import argparse
from collections.abc import Mapping

from actors.errors import StoreUnavailable
from storage.errors import SchemaTooNew
from storage.schema.version import migrate, renew_epoch, schema_version
from syncd import setting_sources
from syncd.data_dir import make_data_dir
from syncd.errors import CommandError, ExtraMissing, SettingsError
from syncd.journal_lock import journal_lock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--renew-epoch",
        action="store_true",
        help="after a restore from a backup: make every device start again from a snapshot",
    )
    setting_sources.add_flags(parser)


def run(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Migrate, and print the schema's version before and after."""
    chosen = setting_sources.load(vars(arguments), environment)
    if chosen.database_url is None:
        make_data_dir(chosen)
    url = chosen.journal_url
    try:
        with journal_lock(chosen):
            before = schema_version(url)
            _upgrade(url, renews_epoch=arguments.renew_epoch)
            print(f"schema: {before or 'none'} -> {schema_version(url)}")
    except (StoreUnavailable, SchemaTooNew) as error:
        raise CommandError(str(error)) from None
    except ValueError as error:
        raise SettingsError(f"--database-url: {error}") from None
    except ImportError as error:
        raise ExtraMissing("--database-url", "postgresql", error) from None
    return 0


def _upgrade(url: str, *, renews_epoch: bool) -> None:
    try:
        (renew_epoch if renews_epoch else migrate)(url)
    except OSError as error:  # the high-water mark's
        raise CommandError(str(error)) from None
