"""What a store executes, seen where it is given to the driver."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from storage.databases.database import Database, Result, Transaction
from storage.databases.statements import Row, Statement

Executed = list[tuple[str, Row]]
"""The text of each statement, with its parameters; with those of its first row where there are many."""


@contextmanager
def executed(before: Callable[[Any], None] = lambda connection: None) -> Iterator[Executed]:
    """Collect what is executed meanwhile; ``before`` is called with the driver's connection first."""
    seen: Executed = []
    execute, execute_many = Transaction.execute, Transaction.execute_many

    def note(transaction: Transaction, statement: Statement, parameters: Row) -> None:
        before(transaction.connection)
        compiled = statement.compiled(transaction.dialect)
        seen.append((compiled.text, compiled.arrange(parameters) if compiled.arrange else parameters))

    def execute_and_note(transaction: Transaction, statement: Statement, parameters: Row = ()) -> Result:
        note(transaction, statement, parameters)
        return execute(transaction, statement, parameters)

    def execute_many_and_note(transaction: Transaction, statement: Statement, rows: Sequence[Row]) -> None:
        if rows:
            note(transaction, statement, rows[0])
        execute_many(transaction, statement, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transaction, "execute", execute_and_note)
        patch.setattr(Transaction, "execute_many", execute_many_and_note)
        yield seen


def plans(url: str, queries: Executed) -> list[str]:
    """Return how the database would execute each query, a step a line."""
    database = Database(url)
    explain = "EXPLAIN QUERY PLAN" if url.startswith("sqlite") else "EXPLAIN"
    with database.transaction(writing=True) as transaction:
        driver = transaction.connection
        if not url.startswith("sqlite"):
            driver.execute("ANALYZE")
        planned = [driver.execute(f"{explain} {query}", given).fetchall() for query, given in queries]
    database.close()
    return ["\n".join(row[-1] for row in rows) for rows in planned]
