"""Reading a user's whole list at once, as only a device that cannot be brought up to date by changes does."""

from actors.messages.journal import Snapshot
from actors.ports import JournalStore

UNKNOWN_EPOCH = "an epoch that no database has"


def whole_list(store: JournalStore, user_id: str = "ann") -> Snapshot:
    answer = store.since(user_id, 0, UNKNOWN_EPOCH)
    assert isinstance(answer, Snapshot)
    return answer
