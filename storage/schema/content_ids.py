"""Which ids the contents of a journal have: recorded in it, so that a node set to others is noticed at its start.

A UUID is text, too, so a journal of UUIDs becomes one of any text when a node asks for that. There is no way back: its
lists may have what a node that accepts only UUIDs could neither add nor remove.
"""

from typing import Final

from sqlalchemy import select, text

from actors.messages.content_ids import ContentIdKind
from storage.databases.database import Database, Transaction
from storage.databases.statements import Statement
from storage.errors import ContentIdsDiffer
from storage.schema.tables import CONTENT_IDS, meta

_ARE_TEXT: Final = Statement(select(meta.c.value).where(meta.c.key == CONTENT_IDS))
# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_MAKE_TEXT: Final = Statement(
    text(f"INSERT INTO meta (key, value) VALUES ('{CONTENT_IDS}', 'text') ON CONFLICT (key) DO NOTHING")  # noqa: S608 - a constant
)


def recorded_content_ids(transaction: Transaction) -> ContentIdKind:
    """Return which ids the journal's contents have."""
    return "text" if transaction.execute(_ARE_TEXT).fetchall() else "uuid"


def agree_on_content_ids(database: Database, kind: ContentIdKind) -> None:
    """Record that contents have ids of ``kind``, unless the journal says so already.

    Raises:
        ContentIdsDiffer: the journal has others.
        StoreUnavailable: the database does not answer.
    """
    with database.transaction(writing=False) as transaction:
        recorded = recorded_content_ids(transaction)
    if recorded == kind:
        return
    if recorded == "text":
        raise ContentIdsDiffer("its contents are named by any text, and this node takes UUIDs: set --content-ids text")
    with database.transaction(writing=True) as transaction:
        transaction.execute(_MAKE_TEXT)
