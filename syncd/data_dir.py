"""The data directory: what is kept in it, and making it."""

from syncd.errors import SettingsError
from syncd.keys.signing import uses_kept_secret
from syncd.settings import Settings


def uses_data_dir(settings: Settings) -> bool:
    """Whether the daemon keeps anything in the data directory; with PostgreSQL and a configured key it does not."""
    return settings.database_url is None or uses_kept_secret(settings)


def make_data_dir(settings: Settings) -> None:
    """Make the data directory if it is used and does not exist yet.

    Raises:
        SettingsError: it cannot be made.
    """
    if not uses_data_dir(settings):
        return
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--data-dir {settings.data_dir}: {error.strerror or error}") from error
