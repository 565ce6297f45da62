"""The writes that are not settled, in order: which may be sent, and which wait for an answer or for its revision."""

from collections.abc import Iterable, Iterator
from typing import Final

from syncd_client.data.user_state import PendingWrite

MAX_IN_FLIGHT: Final = 64


class WriteQueue:
    """One user's queue; it changes no write by itself."""

    def __init__(self, writes: Iterable[PendingWrite]) -> None:
        self._writes: dict[str, PendingWrite] = {}
        self._collections: dict[str, str] = {}
        """Each write's collection by operation id: needed so often that it is kept."""
        self._of_content: dict[tuple[str, str], dict[str, None]] = {}
        """By collection and key, the operation ids in order."""
        self._in_flight: dict[str, PendingWrite] = {}
        """By operation id, each write as it was sent."""
        self._answered: dict[str, int] = {}
        """By operation id, the revision at which the write's effect is in the collection."""
        for write in writes:
            self.put(write)

    def __iter__(self) -> Iterator[PendingWrite]:
        return iter(self._writes.values())

    def __len__(self) -> int:
        return len(self._writes)

    def of(self, collection: str) -> Iterator[PendingWrite]:
        """Yield the writes of one collection."""
        return (self._writes[key] for key, name in self._collections.items() if name == collection)

    def of_content(self, collection: str, key: str) -> list[PendingWrite]:
        """Return the writes of one content, or of one register. Cost: O(what is returned)."""
        return [self._writes[operation_id] for operation_id in self._of_content.get((collection, key), ())]

    def unsent_updates(self, collection: str, key: str) -> list[PendingWrite]:
        """Return the updates of a register behind its last remove that are neither in flight nor answered."""
        found: list[PendingWrite] = []
        for write in self.of_content(collection, key):
            if write.operation == "remove":
                found = []
            elif write.operation_id not in self._in_flight and write.operation_id not in self._answered:
                found.append(write)
        return found

    def put(self, write: PendingWrite) -> None:
        """Append ``write``, or replace the one with the same id."""
        collection = write.collection
        self._writes[write.operation_id] = write
        self._collections[write.operation_id] = collection
        self._of_content.setdefault((collection, write.content_id), {})[write.operation_id] = None

    def drop(self, operation_id: str) -> None:
        """Forget a write."""
        item = self._collections.pop(operation_id), self._writes.pop(operation_id).content_id
        of_content = self._of_content[item]
        del of_content[operation_id]
        if not of_content:
            del self._of_content[item]
        self.release(operation_id)
        self._answered.pop(operation_id, None)

    def take_sendable(self) -> list[PendingWrite]:
        """Return what may be sent now, in order; it is in flight from here on.

        Of each content in a collection one write at a time, so that the order holds even when one has to be repeated.
        """
        busy = {(self._collections[each], write.content_id) for each, write in self._in_flight.items()}
        taken: list[PendingWrite] = []
        for operation_id, write in self._writes.items():
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                break
            item = self._collections[operation_id], write.content_id
            if operation_id in self._in_flight or operation_id in self._answered or item in busy:
                continue
            busy.add(item)
            self._in_flight[operation_id] = write
            taken.append(write)
        return taken

    def in_flight(self, operation_id: str | int | None) -> PendingWrite | None:
        """Return the write with this id if it waits for its answer."""
        return self._writes[str(operation_id)] if operation_id in self._in_flight else None

    def is_as_sent(self, write: PendingWrite) -> bool:
        """Return whether a write in flight still has the stamp with which it was sent."""
        return self._in_flight[write.operation_id].timestamp == write.timestamp

    def release(self, operation_id: str) -> None:
        """Count a write as no longer in flight: it was answered, or may be sent again."""
        self._in_flight.pop(operation_id, None)

    def release_all(self) -> None:
        """Count no write as in flight any more: the connection ended."""
        self._in_flight.clear()

    def answer(self, operation_id: str, revision: int) -> None:
        """Note that a write takes effect at ``revision``."""
        self.release(operation_id)
        self._answered[operation_id] = revision

    def settled(self, collection: str, revision: int | None) -> list[str]:
        """Return the ids of a collection's answered writes that take effect by ``revision``; ``None``: of all."""
        return [
            key
            for key, reached in self._answered.items()
            if self._collections[key] == collection and (revision is None or reached <= revision)
        ]
