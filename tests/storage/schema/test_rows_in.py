"""A list of pairs of any length is found whole, and nothing beside it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from storage.databases.database import Database, Transaction
from storage.databases.statements import Statement
from storage.schema.rows_in import MOST, padded, rows_in
from storage.schema.tables import contexts
from tests.migrated import migrate


@pytest.fixture
def transaction(database_url: str) -> Iterator[Transaction]:
    """With the contexts ``r0`` to ``r199`` of Ann and of Bob."""
    migrate(database_url)
    database = Database(database_url)
    with database.transaction(writing=True) as transaction:
        rows = [
            (user_id, f"r{number}", f"{user_id} {number}", 0) for user_id in ("ann", "bob") for number in range(200)
        ]
        transaction.execute_many(Statement(insert(contexts)), rows)
        yield transaction
    database.close()


@pytest.mark.parametrize("count", [0, 1, 3, MOST - 1, MOST, MOST + 1, 200])
def test_every_pair_is_found_once_and_no_other(transaction: Transaction, count: int) -> None:
    pairs = [("ann", f"r{number}") for number in range(count)]
    found = [row[:2] for row in rows_in(transaction, contexts.c.replica, pairs)]
    assert sorted(found) == sorted(pairs)


def test_pairs_of_several_users_do_not_mix(transaction: Transaction) -> None:
    pairs = [("ann", "r1"), ("bob", "r2")]
    found = set(rows_in(transaction, contexts.c.replica, pairs))
    assert found == {("ann", "r1", "ann 1", 0), ("bob", "r2", "bob 2", 0)}


def test_a_pair_that_is_not_there_is_left_out(transaction: Transaction) -> None:
    pairs = [("ann", "r1"), ("ann", "elsewhere"), ("cid", "r1")]
    assert [context for _, _, context, _ in rows_in(transaction, contexts.c.replica, pairs)] == ["ann 1"]


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (3, 4), (5, 8), (64, 64), (100, 128)])
def test_a_list_is_padded_with_its_last_value_to_a_power_of_two(count: int, size: int) -> None:
    values = list(range(count))
    assert padded(values) == (*values, *[count - 1] * (size - count))
