"""What the journal answers to a device that resumes, as the kind that a test expects."""

from actors.messages.journal import Changes, Snapshot
from storage.journal_store import SqlJournalStore


def changes(journal: SqlJournalStore, revision: int, epoch: str | None = None) -> Changes:
    answer = journal.since("ann", revision, epoch)
    assert isinstance(answer, Changes)
    return answer


def snapshot(journal: SqlJournalStore, revision: int, epoch: str | None = None) -> Snapshot:
    answer = journal.since("ann", revision, epoch)
    assert isinstance(answer, Snapshot)
    return answer
