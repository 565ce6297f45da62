"""What is found in a replica where no server says how far it is behind; ``tests/syncd/checks`` has a real standby."""

from pathlib import Path

import pytest

from actors.errors import StoreUnavailable
from storage.errors import ReplicaUnavailable
from storage.inspection.replica import inspect_replica
from storage.schema.version import HEAD
from tests.migrated import migrate


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


def test_a_database_is_a_copy_of_itself_and_does_not_say_how_far_it_is_behind(tmp_path: Path) -> None:
    url = url_of(tmp_path / "journal.db")
    migrate(url)
    found = inspect_replica(url, url)
    assert (found.schema, found.has_same_epoch, found.behind_bytes) == (HEAD, True, None)
    assert found.round_trip_s > 0
    assert found.behind_s < 1  # nobody waits for what cannot be known


def test_another_database_is_no_copy_with_and_without_tables(tmp_path: Path) -> None:
    url, other = url_of(tmp_path / "journal.db"), url_of(tmp_path / "other.db")
    migrate(url)
    found = inspect_replica(url, other)
    assert (found.schema, found.has_same_epoch) == (None, False)
    migrate(other)
    found = inspect_replica(url, other)
    assert (found.schema, found.has_same_epoch) == (HEAD, False)


def test_beside_a_database_without_tables_there_is_nothing_to_compare(tmp_path: Path) -> None:
    url, other = url_of(tmp_path / "journal.db"), url_of(tmp_path / "other.db")
    migrate(other)
    found = inspect_replica(url, other)
    assert (found.schema, found.has_same_epoch) == (HEAD, None)


def test_which_of_both_does_not_answer_is_told_apart(tmp_path: Path) -> None:
    url = url_of(tmp_path / "journal.db")
    migrate(url)
    (tmp_path / "file").touch()
    nowhere = url_of(tmp_path / "file" / "journal.db")
    with pytest.raises(ReplicaUnavailable):
        inspect_replica(url, nowhere)
    with pytest.raises(StoreUnavailable):
        inspect_replica(nowhere, url)
