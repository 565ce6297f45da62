"""What a URL of a database means, and what is refused without a word of a password."""

import os
import sqlite3
from pathlib import Path

import pytest

from storage.databases.database_url import postgresql_parameters, sqlite_file, sqlite_url
from tests.storage.conftest import OpenJournal


@pytest.mark.parametrize("name", ["plain", "a b", "100%", "%41", "why?", "#1", "?x=y&#z", "é", os.fsdecode(b"\xff")])
def test_a_sqlite_file_may_have_any_name(open_journal: OpenJournal, tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "journal.db"
    url = sqlite_url(file)
    assert sqlite_file(url) == file
    open_journal(url).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM heads").fetchone() == (0,)
    database.close()


def test_a_relative_file_stays_relative() -> None:
    assert sqlite_file(sqlite_url(Path("data/journal.db"))) == Path("data/journal.db")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_is_no_file(scheme: str) -> None:
    url = f"{scheme}://u@h/d"
    assert sqlite_file(url) is None
    assert postgresql_parameters(url) == {"user": "u", "host": "h", "dbname": "d"}


def test_special_characters_of_a_password_are_percent_encoded() -> None:
    assert postgresql_parameters("postgresql://u:%25%3F%23%40%2F%3A@h/d")["password"] == "%?#@/:"
    assert postgresql_parameters("postgresql://u:a?b=c#d@h/d")["password"] == "a?b=c#d"  # these two need not be


def test_several_hosts_and_libpqs_options_are_kept() -> None:
    assert postgresql_parameters(
        "postgresql://u:p@h1:5432,h2:5433/d?target_session_attrs=read-write&sslmode=require&connect_timeout=1"
    ) == {
        "user": "u",
        "password": "p",
        "host": "h1,h2",
        "port": "5432,5433",
        "dbname": "d",
        "target_session_attrs": "read-write",
        "sslmode": "require",
        "connect_timeout": "1",
    }


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("postgresql://u:p@h/d?prepare_threshold=0", "PostgreSQL has no option 'prepare_threshold'"),
        ("postgresql://u:p@h/d?sslmode=require&row_factory=x", "PostgreSQL has no option 'row_factory'"),
        ("postgresql+psycopg2://u:p@h/d", "needs sqlite or postgresql, not 'postgresql[+]psycopg2'"),
        ("sqlite:///journal.db?timeout=3", "a SQLite URL has no options: 'timeout'"),
        ("sqlite://", "needs a file: write sqlite:///path"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite://host/journal.db", "needs a file"),
    ],
)
def test_what_cannot_be_had_is_named(url: str, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal) as refused:
        _ = sqlite_file(url) or postgresql_parameters(url)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@x@h/d",
        "postgresql://u:x@hunter2:y@h/d",
        "postgresql://u:hunter2/x@h/d",
        "postgresql://u:50%hunter2@h/d",
        "postgresql://u:x@h:hunter2/d",
        "hunter2",
    ],
)
def test_what_is_no_url_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not the URL of a database") as refused:
        _ = sqlite_file(url) or postgresql_parameters(url)
    assert "hunter2" not in str(refused.value)
