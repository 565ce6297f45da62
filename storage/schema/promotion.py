"""Notices that another server has become the database: a standby that was promoted begins with a new epoch.

It may lack what its primary had acknowledged, and would give the revisions of that a second time, for other changes.
Each promotion begins a new timeline in the log of PostgreSQL, and the epoch's timeline is kept beside it. The node that
writes first on another timeline renews the epoch, before anything is committed there. It always does: whether anything
is lacking only the lost primary could tell, and which of its revisions a device has seen nobody else knows.
"""

import logging
from typing import Final
from uuid import uuid4

from msgspec import Struct
from sqlalchemy import bindparam, select, text, update

from storage.databases.database import Database, Result, Transaction
from storage.databases.statements import Statement, for_update
from storage.schema.tables import EPOCH, TIMELINE, meta

_LOCK: Final = Statement(for_update(select(meta.c.value).where(meta.c.key == EPOCH)))
_EPOCH: Final = Statement(select(meta.c.value).where(meta.c.key == EPOCH))
_EPOCH_AND_TIMELINES: Final = Statement(
    text(
        "SELECT epoch.value, timeline.value, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"  # noqa: S608 - constants
        f" FROM meta epoch LEFT JOIN meta timeline ON timeline.key = '{TIMELINE}'"
        f" WHERE epoch.key = '{EPOCH}'"
    )
)
_PUT_TIMELINE: Final = Statement(
    text(
        f"INSERT INTO meta (key, value) VALUES ('{TIMELINE}', :timeline)"  # noqa: S608 - a constant
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
)
RENEW_EPOCH: Final = Statement(update(meta).where(meta.c.key == EPOCH).values(value=bindparam("epoch")))

logger = logging.getLogger(__name__)


class Promoted(Exception):
    """The epoch is of another timeline than the server: ``renew_if_promoted``, and begin again."""


class EpochAndTimelines(Struct, frozen=True):
    """The epoch under which a transaction commits, the timeline of that, and the server's."""

    epoch: str
    recorded: str | None
    """The timeline that the epoch is of; ``None``: nobody has said so yet, or there are none."""
    timeline: str | None
    """The server's; ``None``: it has none, or does not tell."""


class EpochQuery:
    """Asks for the epoch of a transaction, and waits for the answer only when it is wanted."""

    def __init__(self, transaction: Transaction, *, tells_timeline: bool) -> None:
        self._tells_timeline = tells_timeline
        self._result: Result = transaction.execute(_EPOCH_AND_TIMELINES if tells_timeline else _EPOCH)

    def answer(self) -> EpochAndTimelines:
        """Wait for it, and return it."""
        ((epoch, *timelines),) = self._result.fetchall()
        recorded, timeline = timelines if self._tells_timeline else (None, None)
        return EpochAndTimelines(epoch, recorded, timeline)

    def epoch(self) -> str:
        """Return the epoch that the transaction may commit to. Raises: Promoted."""
        found = self.answer()
        if found.timeline != found.recorded:
            raise Promoted
        return found.epoch


def renew_if_promoted(database: Database) -> None:
    """Give the database a new epoch if it was promoted since the last was made. Raises: StoreUnavailable."""
    with database.transaction(writing=True) as transaction:
        if not database.tells_timeline:
            return
        transaction.execute(_LOCK).fetchall()  # of several nodes that notice, one does it
        found = EpochQuery(transaction, tells_timeline=True).answer()
        if found.timeline == found.recorded:
            return
        transaction.execute(_PUT_TIMELINE, (found.timeline,))
        if found.recorded is not None:
            transaction.execute(RENEW_EPOCH, (uuid4().hex,))
    if found.recorded is not None:
        logger.warning(
            "the database was promoted, from timeline %s to %s: it may lack what was acknowledged before, so its epoch"
            " is renewed, and every device starts again from a snapshot",
            found.recorded,
            found.timeline,
        )
