"""A node's writes, tried: each kind of statement without a row, and a row that means nothing to anybody."""

from collections.abc import Iterator

from sqlalchemy import false, insert, select, text

from storage.databases.database import Database, Transaction
from storage.databases.statements import Statement
from storage.schema.promotion import EpochQuery, Promoted, renew_if_promoted
from storage.schema.tables import metadata

# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_PUT_PROBE = Statement(
    text(
        "INSERT INTO meta (key, value) VALUES ('probe', :now_ms) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
)


def _writes_without_rows() -> Iterator[Statement]:
    for table in metadata.sorted_tables:
        yield Statement(insert(table).from_select(list(table.columns.keys()), select(table).where(false())))
        yield Statement(table.update().where(false()).values({column: column for column in table.columns}))
        yield Statement(table.delete().where(false()))


_WRITES_WITHOUT_ROWS = tuple(_writes_without_rows())


def rehearse(transaction: Transaction) -> None:
    """Try each kind of a node's statements on each table without effect: the database still checks rights and locks."""
    for statement in _WRITES_WITHOUT_ROWS:
        transaction.execute(statement)


def prove_writable(database: Database, now_ms: int) -> None:
    """Commit a write as a node does; ``now_ms`` makes it differ from the last, as a database may skip an equal one.

    Nothing less is proof: only a commit asks for room on the disk.

    Raises:
        StoreUnavailable: the database cannot be written, and why.
    """
    try:
        with database.transaction(writing=True) as transaction:
            epoch_query = EpochQuery(transaction, tells_timeline=database.tells_timeline)
            rehearse(transaction)
            transaction.execute(_PUT_PROBE, (str(now_ms),))
            epoch_query.epoch()
    except Promoted:
        renew_if_promoted(database)  # commits, too
