"""What the journal answers to a device that resumes, as the kind that a test expects."""

from collections.abc import Iterable

import msgspec

from actors.messages.conversion import device_update
from actors.messages.journal import Outcome, Update
from actors.messages.journal_reads import SLICE_ROWS, Changes, ChangesExpired
from actors.messages.sync import ListUpdate, WatchlistUpdate
from storage.journal.journal_store import SqlJournalStore

_decode = msgspec.json.Decoder(WatchlistUpdate | ListUpdate).decode


def changes(
    journal: SqlJournalStore, revision: int, epoch: str | None = None, user: str = "ann", limit: int = SLICE_ROWS
) -> Changes:
    answer = journal.changes(user, revision, limit, epoch)
    assert isinstance(answer, Changes)
    return answer


def expired(journal: SqlJournalStore, revision: int, epoch: str | None = None, user: str = "ann") -> ChangesExpired:
    answer = journal.changes(user, revision, SLICE_ROWS, epoch)
    assert isinstance(answer, ChangesExpired)
    return answer


def updates(
    journal: SqlJournalStore, revision: int = 0, user: str = "ann", limit: int = SLICE_ROWS
) -> list[WatchlistUpdate]:
    """Return all that followed ``revision``, read in slices of ``limit``."""
    read: list[WatchlistUpdate] = []
    while True:
        part = changes(journal, revision, None, user, limit)
        assert len(part.updates) <= limit
        read += map(_decode, part.updates)
        revision = part.revision
        if not part.has_more:
            return read


def shown(answers: Iterable[Outcome | Update | None]) -> list[WatchlistUpdate]:
    """Return what devices are shown of what writers were answered."""
    found = [answer.update if isinstance(answer, Outcome) else answer for answer in answers]
    shown = [device_update(update) for update in found if update is not None]
    return [update for update in shown if isinstance(update, WatchlistUpdate)]
