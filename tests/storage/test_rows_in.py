"""A list of pairs of any length is found whole, and nothing beside it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert

from storage.database import Database
from storage.rows_in import PAIRS_PER_STATEMENT, rows_in
from storage.schema import migrate
from storage.tables import contexts


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """With the contexts ``r0`` to ``r199`` of Ann and of Bob."""
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=True) as connection:
        rows = [
            {"user_id": user_id, "replica": f"r{number}", "context": f"{user_id} {number}"}
            for user_id in ("ann", "bob")
            for number in range(200)
        ]
        connection.execute(insert(contexts), rows)
        yield connection
    database.close()


@pytest.mark.parametrize("count", [0, 1, 3, PAIRS_PER_STATEMENT - 1, PAIRS_PER_STATEMENT, PAIRS_PER_STATEMENT + 1, 200])
def test_every_pair_is_found_once_and_no_other(connection: Connection, count: int) -> None:
    pairs = [("ann", f"r{number}") for number in range(count)]
    found = [(row.user_id, row.replica) for row in rows_in(connection, contexts.c.replica, pairs)]
    assert sorted(found) == sorted(pairs)


def test_pairs_of_several_users_do_not_mix(connection: Connection) -> None:
    pairs = [("ann", "r1"), ("bob", "r2")]
    found = {(row.user_id, row.replica, row.context) for row in rows_in(connection, contexts.c.replica, pairs)}
    assert found == {("ann", "r1", "ann 1"), ("bob", "r2", "bob 2")}


def test_a_pair_that_is_not_there_is_left_out(connection: Connection) -> None:
    pairs = [("ann", "r1"), ("ann", "elsewhere"), ("cid", "r1")]
    assert [row.context for row in rows_in(connection, contexts.c.replica, pairs)] == ["ann 1"]
