"""The operations that are not settled, in order: which are to be sent, which wait for their answer or its revision."""

from collections.abc import Iterable, Iterator
from typing import Final

from syncd_client.stored import Operation

MAX_IN_FLIGHT: Final = 64


class WriteQueue:
    """One user's queue; it changes no operation by itself."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = {operation.operation_id: operation for operation in operations}
        self._in_flight: set[str] = set()
        self._answered: dict[str, int] = {}
        """Operation id -> the revision at which its effect is in the list."""

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    def __len__(self) -> int:
        return len(self._operations)

    def in_flight(self, operation_id: str | int | None) -> Operation | None:
        """Return the operation of this id if it waits for its answer."""
        return self._operations[str(operation_id)] if operation_id in self._in_flight else None

    def put(self, operation: Operation) -> None:
        """Append ``operation``, or put it in place of the one with its id."""
        self._operations[operation.operation_id] = operation

    def drop(self, operation_id: str) -> None:
        """Forget an operation."""
        del self._operations[operation_id]
        self._in_flight.discard(operation_id)
        self._answered.pop(operation_id, None)

    def take_sendable(self) -> list[Operation]:
        """Return what may be sent now, in order; it is in flight from here on.

        One operation per content at a time: should it have to be repeated, a later one has not overtaken it.
        """
        busy = {self._operations[operation_id].content_id for operation_id in self._in_flight}
        taken: list[Operation] = []
        for operation_id, operation in self._operations.items():
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                break
            if operation_id in self._in_flight or operation_id in self._answered or operation.content_id in busy:
                continue
            busy.add(operation.content_id)
            self._in_flight.add(operation_id)
            taken.append(operation)
        return taken

    def put_back(self, operation_id: str) -> None:
        """Take one operation as not sent."""
        self._in_flight.discard(operation_id)

    def put_all_back(self) -> None:
        """Take all that has no answer as not sent: the connection ended."""
        self._in_flight.clear()

    def answer(self, operation_id: str, revision: int) -> None:
        """Note that an operation takes effect at ``revision``."""
        self._in_flight.discard(operation_id)
        self._answered[operation_id] = revision

    def settled(self, revision: int | None) -> list[str]:
        """Return the ids of the answered operations that have taken effect by ``revision``; ``None``: of all."""
        return [key for key, reached in self._answered.items() if revision is None or reached <= revision]
