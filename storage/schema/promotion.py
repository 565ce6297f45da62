"""Notices that the database is another server's than it was: a standby that was promoted begins with a new epoch.

It may lack what its primary had acknowledged, and would give the revisions of that a second time, for other changes.
Each promotion begins a new timeline in the log of PostgreSQL, and the epoch's timeline is kept beside it. Who first
writes on another one renews the epoch, before anything is committed there. It does so whatever is lost: which of its
revisions a device has seen nobody else knows, and whether anything is lacking only the lost primary could tell.
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
_GROUND: Final = Statement(
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


class Ground(Struct, frozen=True):
    """What a transaction commits to."""

    epoch: str
    recorded: str | None
    """The timeline that the epoch is of; ``None``: nobody has said so yet, or there are none."""
    timeline: str | None
    """The server's; ``None``: it has none, or does not tell."""


class Asked:
    """The ground of a transaction, asked for without waiting for it."""

    def __init__(self, transaction: Transaction, *, tells_timeline: bool) -> None:
        self._tells_timeline = tells_timeline
        self._result: Result = transaction.execute(_GROUND if tells_timeline else _EPOCH)

    def ground(self) -> Ground:
        """Wait for it, and return it."""
        ((epoch, *timelines),) = self._result.fetchall()
        recorded, timeline = timelines if self._tells_timeline else (None, None)
        return Ground(epoch, recorded, timeline)

    def epoch(self) -> str:
        """Return the epoch that the transaction may commit to. Raises: Promoted."""
        ground = self.ground()
        if ground.timeline != ground.recorded:
            raise Promoted
        return ground.epoch


def renew_if_promoted(database: Database) -> None:
    """Give the database a new epoch if it was promoted since the last was made. Raises: StoreUnavailable."""
    with database.transaction(writing=True) as transaction:
        if not database.tells_timeline:
            return
        transaction.execute(_LOCK).fetchall()  # of several nodes that notice, one does it
        ground = Asked(transaction, tells_timeline=True).ground()
        if ground.timeline == ground.recorded:
            return
        transaction.execute(_PUT_TIMELINE, (ground.timeline,))
        if ground.recorded is not None:
            transaction.execute(RENEW_EPOCH, (uuid4().hex,))
    if ground.recorded is not None:
        logger.warning(
            "the database was promoted, from timeline %s to %s: it may lack what was acknowledged before, so its epoch"
            " is renewed, and every device starts again from a snapshot",
            ground.recorded,
            ground.timeline,
        )
