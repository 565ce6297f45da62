"""Where the journal is, whatever the settings say."""

from pathlib import Path

from syncd.settings import Settings


def test_the_journal_is_in_the_data_directory_unless_it_is_elsewhere() -> None:
    assert Settings(data_dir=Path("/x/100%")).journal_url == "sqlite:////x/100%25/journal.db"
    assert Settings(database_url="postgresql://db/syncd").journal_url == "postgresql://db/syncd"
