"""A database on another timeline than its epoch; ``tests/scenarios/test_failover.py`` promotes real standbys."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from actors.errors import StoreUnavailable
from storage.databases.database import Database
from storage.inspection.rehearsal import prove_writable
from storage.schema.promotion import EpochQuery, Promoted, renew_if_promoted
from storage.schema.version import migrate
from syncd.cluster import LocalPostgreSQL
from tests.databases import execute
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.reading import changes, expired
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

OTHER = "UPDATE meta SET value = '000000FF' WHERE key = 'timeline'"
"""What a promoted standby finds: the timeline of its primary."""


def of_meta(url: str, key: str) -> str | None:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT value FROM meta WHERE key = %s", [key]).fetchall()
    return str(rows[0][0]) if rows else None


def epoch_of(database: Database) -> str:
    with database.transaction(writing=True) as transaction:
        return EpochQuery(transaction, tells_timeline=database.tells_timeline).epoch()


def test_the_first_commit_says_which_timeline_the_epoch_is_of_and_keeps_it(
    open_journal: OpenJournal, author: Author, postgresql_url: str
) -> None:
    journal = open_journal(postgresql_url)
    epoch = of_meta(postgresql_url, "epoch")
    assert of_meta(postgresql_url, "timeline") is None
    for revision in (1, 2):
        assert journal.commit([author.add(f"film {revision}")])[0].revision == revision
        assert journal.epoch == epoch
    assert of_meta(postgresql_url, "timeline") == "00000001"


def test_the_first_commit_after_a_promotion_is_of_a_new_epoch(
    open_journal: OpenJournal, author: Author, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    before = journal.epoch
    execute(postgresql_url, OTHER)
    assert changes(journal, 1).epoch == before  # nothing is given a second time yet
    with caplog.at_level(logging.WARNING):
        assert journal.commit([author.add("brazil")])[0].revision == 2
    assert "was promoted, from timeline 000000FF to 00000001" in caplog.text
    assert journal.epoch not in (None, before)
    assert expired(journal, 1, before).reason == "epoch_changed"
    assert journal.commit([author.add("clue")])[0].revision == 3
    assert changes(journal, 2, epoch=journal.epoch).head == 3


def test_a_list_that_is_named_or_deleted_first_after_a_promotion_is_of_a_new_epoch(
    open_journal: OpenJournal, author: Author, postgresql_url: str
) -> None:
    journal = open_journal(postgresql_url)
    journal.commit([author.add("alien")])
    epochs = [of_meta(postgresql_url, "epoch")]
    for edit in (lambda: journal.put_list("ann", "kids", "Kids"), lambda: journal.delete_list("ann", "kids")):
        execute(postgresql_url, OTHER)
        edit()
        epochs.append(of_meta(postgresql_url, "epoch"))
    assert len(set(epochs)) == 3


def test_the_probe_renews_it_too_so_that_devices_are_told_while_nobody_writes(postgresql_url: str) -> None:
    migrate(postgresql_url)
    database = Database(postgresql_url)
    for _ in range(2):
        prove_writable(database, 1)
    before = epoch_of(database)
    execute(postgresql_url, OTHER)
    with pytest.raises(Promoted):
        epoch_of(database)
    prove_writable(database, 2)
    assert epoch_of(database) != before
    database.close()


def test_of_several_nodes_that_notice_one_renews_the_epoch(postgresql_url: str) -> None:
    migrate(postgresql_url)
    databases = [Database(postgresql_url) for _ in range(4)]
    renew_if_promoted(databases[0])
    execute(postgresql_url, OTHER)

    def renewed(database: Database) -> str:
        renew_if_promoted(database)
        return epoch_of(database)

    with ThreadPoolExecutor(4) as nodes:
        assert len(set(nodes.map(renewed, databases))) == 1
    for database in databases:
        database.close()


def test_a_server_that_does_not_tell_its_timeline_is_written_all_the_same(
    open_journal: OpenJournal, author: Author, postgresql_url: str
) -> None:
    schema = postgresql_url.rpartition("%3D")[2]
    execute(
        postgresql_url,
        f"CREATE FUNCTION {schema}.pg_walfile_name(lsn pg_lsn) RETURNS text LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'not here' USING ERRCODE = '0A000'; END$$",
    )
    journal = open_journal(f"{postgresql_url},pg_catalog")
    assert journal.commit([author.add("alien")])[0].revision == 1
    assert journal.epoch == of_meta(postgresql_url, "epoch")
    assert of_meta(postgresql_url, "timeline") is None


def test_sqlite_has_an_epoch_and_no_timeline(open_journal: OpenJournal, author: Author, sqlite_url: str) -> None:
    journal = open_journal(sqlite_url)
    journal.commit([author.add("alien")])
    assert journal.epoch == changes(journal, 0).epoch


@pytest.fixture
def without_standby(postgresql: LocalPostgreSQL) -> Iterator[None]:
    """The server waits for a standby with each commit, and has none."""
    reload = "SELECT pg_reload_conf()"
    execute(postgresql.url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", reload)
    yield
    execute(postgresql.url, "ALTER SYSTEM RESET synchronous_standby_names", reload)


PROBE = "INSERT INTO meta (key, value) VALUES ('probe', '1') ON CONFLICT (key) DO UPDATE SET value = excluded.value"


def write_until_refused(database: Database) -> None:
    """The server takes its new configuration up in its own time."""
    ends_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < ends_s:
        with database.transaction(writing=True) as transaction:
            transaction.connection.execute(PROBE)


@pytest.mark.parametrize("level", ["notice", "error"])
def test_a_commit_that_a_standby_may_not_have_is_not_acknowledged(
    postgresql_url: str, level: str, request: pytest.FixtureRequest
) -> None:
    """The server calls it committed, and warns, however quiet the role is: something has cancelled its waiting."""
    migrate(postgresql_url)
    url = f"{postgresql_url}%20-cclient_min_messages%3D{level}"
    with closing(Database(url)) as database:
        with database.transaction(writing=True) as transaction:
            transaction.connection.execute("DO $$BEGIN RAISE INFO 'all is well'; END$$")
            transaction.connection.execute("DO $$BEGIN RAISE WARNING 'a trigger says so'; END$$")
        request.getfixturevalue("without_standby")
        with ThreadPoolExecutor(1) as writer:
            written = writer.submit(write_until_refused, database)
            while not written.done():
                execute(
                    postgresql_url, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                )
        with pytest.raises(StoreUnavailable, match="canceling wait for synchronous replication"):
            written.result()
        with database.transaction(writing=False):  # of this one nobody has warned
            pass
    with closing(psycopg.connect(postgresql_url)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'probe'").fetchall() == [("1",)]


@pytest.mark.parametrize(("sqlstate", "tells"), [("55000", True), ("0A000", False)])
def test_a_standby_tells_its_timeline_when_it_is_promoted_and_what_only_speaks_postgresql_never_does(
    postgresql_url: str, sqlstate: str, tells: bool
) -> None:
    execute(
        postgresql_url,
        "CREATE FUNCTION pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS"
        f" $$BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{sqlstate}'; END$$",
    )
    with closing(Database(f"{postgresql_url}%2Cpg_catalog")) as database:
        with database.transaction(writing=False):
            pass
        assert database.tells_timeline is tells


def test_of_several_nodes_that_notice_a_promotion_one_renews_the_epoch(
    open_journal: OpenJournal, author: Author, postgresql_url: str
) -> None:
    open_journal(postgresql_url).commit([author.add("alien")])
    execute(postgresql_url, OTHER)
    epoch = of_meta(postgresql_url, "epoch")
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with (
        closing(Database(postgresql_url, lock_timeout_s=TIMEOUT_S)) as database,
        closing(psycopg.connect(postgresql_url)) as quicker,
        closing(psycopg.connect(postgresql_url, autocommit=True)) as onlooker,
        ThreadPoolExecutor(1) as slower,
    ):
        quicker.execute("SELECT value FROM meta WHERE key = 'epoch' FOR UPDATE")
        quicker.execute("UPDATE meta SET value = '00000001' WHERE key = 'timeline'")
        renewed = slower.submit(renew_if_promoted, database)
        while not renewed.done() and onlooker.execute(waits).fetchall() == [(0,)]:
            pass
        quicker.commit()
        renewed.result(TIMEOUT_S)
    assert of_meta(postgresql_url, "epoch") == epoch
