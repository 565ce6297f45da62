"""What this service sets on PostgreSQL itself, whatever the server's defaults are, and what it needs there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import bindparam, func, select

from actors.errors import StoreUnavailable
from actors.messages.journal import Status
from storage.databases.database import Database
from storage.databases.statements import Statement
from storage.inspection.database import inspect_database
from storage.journal.journal_store import open_store
from storage.schema.version import migrate
from syncd.cluster import LocalPostgreSQL
from tests.databases import execute
from tests.storage.author import Author
from tests.storage.conftest import OpenJournal
from tests.storage.store_processes import running
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def with_option(url: str, option: str) -> str:
    return f"{url}%20-c{option.replace('=', '%3D').replace(' ', '%5C%20')}"


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_nodes_that_write_at_once_never_fail_each_other_whatever_the_servers_isolation_is(
    open_journal: OpenJournal, postgresql_url: str, author: Author, level: str
) -> None:
    url = with_option(postgresql_url, f"default_transaction_isolation={level}")
    stores = [open_journal(url) for _ in range(2)]

    def write(node: int) -> list[Status]:
        return [stores[node].commit([author.add(f"{node} {number}")])[0].status for number in range(50)]

    with ThreadPoolExecutor(2) as nodes:
        written = [status for statuses in nodes.map(write, range(2), timeout=TIMEOUT_S) for status in statuses]
    assert written == [Status.ADDED] * 100
    assert stores[0].heads(["ann"])[0].revision == 100


def test_every_transaction_has_our_settings_and_leaves_none_in_the_session(postgresql_url: str) -> None:
    database = Database(with_option(postgresql_url, "lock_timeout=7s"), lock_timeout_s=0.5)
    names = ("lock_timeout", "statement_timeout", "client_encoding", "transaction_isolation")

    def settings(connection: psycopg.Connection) -> list[str]:
        return [connection.execute(f"SHOW {name}".encode()).fetchall()[0][0] for name in names]

    for writing, isolation in ((False, "repeatable read"), (True, "read committed")):
        with database.transaction(writing=writing) as transaction:
            driver = transaction.connection
            assert settings(driver) == ["500ms", "1s", "UTF8", isolation]
        assert settings(driver)[:2] == ["7s", "0"]
    database.close()


@pytest.mark.parametrize(("theirs", "ours"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
def test_what_is_committed_is_on_the_disk_also_where_the_server_is_told_not_to_wait_for_it(
    postgresql_url: str, theirs: str, ours: str
) -> None:
    database = Database(with_option(postgresql_url, f"synchronous_commit={theirs}"))
    with database.transaction(writing=True) as transaction:
        driver = transaction.connection
        assert driver.execute("SHOW synchronous_commit").fetchall() == [(ours,)]
    assert driver.execute("SHOW synchronous_commit").fetchall() == [(theirs,)]
    database.close()


def test_without_a_pooler_statements_are_prepared_and_still_planned_for_their_values(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    statement = Statement(select(func.generate_series(bindparam("number"), bindparam("number"))))
    for number in (1, 1 << 20, 1 << 40) * 7:
        with database.transaction(writing=False) as transaction:
            transaction.execute(statement, (number,))
    with database.transaction(writing=False) as transaction:
        plans = "SELECT count(*), sum(generic_plans), sum(custom_plans) > 10 FROM pg_prepared_statements"
        prepared = f"{plans} WHERE statement LIKE '%generate_series%'"
        assert transaction.connection.execute(prepared).fetchall() == [(1, 0, True)]
    database.close()


def test_a_url_may_set_libpqs_own_options(open_journal: OpenJournal, postgresql_url: str, author: Author) -> None:
    directory = postgresql_url.partition("host=")[2].partition("&")[0]
    several = postgresql_url.replace(directory, f"/nowhere,{directory}") + "&target_session_attrs=read-write"
    assert open_journal(several).commit([author.add("alien")])[0].status is Status.ADDED
    with pytest.raises(StoreUnavailable, match="target_session_attrs") as refused:
        open_journal(postgresql_url + "&target_session_attrs=fast")
    assert "\n" not in str(refused.value)


def test_a_url_may_set_otherwise_when_a_server_counts_as_gone_and_not_how_texts_travel(postgresql_url: str) -> None:
    url = f"{postgresql_url}&keepalives_idle=60&client_encoding=LATIN1"
    with closing(Database(url)) as database, database.transaction(writing=False) as transaction:
        told = transaction.connection.info.get_parameters()
        assert transaction.connection.execute("SHOW client_encoding").fetchall() == [("UTF8",)]
    assert (told["keepalives_idle"], told["keepalives_interval"], told["tcp_user_timeout"]) == ("60", "2", "10000")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_name_is_refused(
    postgresql: LocalPostgreSQL, postgresql_url: str, encoding: str
) -> None:
    execute(postgresql.url, f"CREATE DATABASE old ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    try:
        with pytest.raises(StoreUnavailable, match=f"encoding is {encoding}") as refused:
            open_store(postgresql_url.partition("&")[0].replace("/postgres?", "/old?"), now_ms=lambda: 0)
        assert "\n" not in str(refused.value)
    finally:
        execute(postgresql.url, "DROP DATABASE old")


@pytest.fixture
def role_url(postgresql_url: str) -> Iterator[str]:
    """The URL of a role that may use the schema, and make nothing in it."""
    schema = postgresql_url.rpartition("%3D")[2]
    with psycopg.connect(postgresql_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE node LOGIN; GRANT USAGE ON SCHEMA {schema} TO node".encode())
        yield postgresql_url.replace("//postgres@", "//node@")
        owner.execute(b"DROP OWNED BY node; DROP ROLE node")


def test_a_role_that_may_make_no_tables_is_told_what_to_grant(postgresql_url: str, role_url: str) -> None:
    schema = postgresql_url.rpartition("%3D")[2]
    for refused in (migrate, inspect_database):
        with pytest.raises(StoreUnavailable, match=f"GRANT CREATE ON SCHEMA {schema} TO node$"):
            refused(role_url)


def test_a_role_that_may_make_no_tables_writes_into_those_that_exist(
    open_journal: OpenJournal, postgresql_url: str, role_url: str, author: Author
) -> None:
    migrate(postgresql_url)
    schema = postgresql_url.rpartition("%3D")[2]
    with psycopg.connect(postgresql_url) as owner:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO node"
        owner.execute(grant.encode())
    migrate(role_url)
    assert inspect_database(role_url).schema is not None
    journal = open_journal(role_url)
    assert journal.commit([author.add("alien")])[0].status is Status.ADDED
    journal.close()


async def test_a_node_takes_two_connections_and_says_that_it_may_have_one_only(
    postgresql_url: str, role_url: str, author: Author
) -> None:
    migrate(postgresql_url)
    schema = postgresql_url.rpartition("%3D")[2]
    execute(
        postgresql_url,
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO node",
        "ALTER ROLE node CONNECTION LIMIT 2",
    )
    async with running(role_url) as store:
        for revision in (1, 2):
            await store.commit(author.add(f"film {revision}"))
            assert await store.revision() == revision
        assert not store.restarts
    execute(postgresql_url, "ALTER ROLE node CONNECTION LIMIT 1")
    with pytest.raises(StoreUnavailable, match='too many connections for role "node"'):
        async with running(role_url):
            pass


def test_a_search_path_without_a_schema_is_told(postgresql_url: str) -> None:
    with pytest.raises(StoreUnavailable, match="search_path names no schema that exists"):
        migrate(postgresql_url + "_nowhere")


def test_what_the_server_warns_of_besides_does_not_call_a_commit_in_doubt(
    open_journal: OpenJournal, postgresql_url: str, author: Author
) -> None:
    journal = open_journal(postgresql_url)
    execute(  # a trigger of an operator's; with few transaction ids left the server itself warns in each transaction
        postgresql_url,
        "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE WARNING 'it is late'; RETURN NEW; END $$",
        "CREATE TRIGGER warns BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION warn()",
    )
    assert journal.commit([author.add("alien")])[0].status is Status.ADDED
