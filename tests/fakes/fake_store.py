"""A journal's store that a test can stop, break and look into."""

import asyncio
from collections.abc import Callable, Sequence
from threading import Event

from actors.messages.journal import AnyOperation, Outcome, Status
from actors.messages.journal_reads import Bookmark, Changes, Head, Page, PageExpired
from crdt.hlc import HLCTimestamp
from tests.timeouts import TIMEOUT_S

CLOCK = HLCTimestamp(0, 0, "")


class FakeStore:
    """Records what it is asked; each call first meets ``fault``, which may wait or raise."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        """The contents of each commit that succeeded."""
        self.attempts = 0
        self.closed = 0
        self.fault: Callable[[Sequence[AnyOperation]], None] = lambda operations: None

    def commit(self, operations: Sequence[AnyOperation]) -> list[Outcome]:
        assert not self.closed
        self.attempts += 1
        self.fault(operations)
        self.batches.append([operation.device_id for operation in operations])
        return [Outcome(status=Status.ADDED, reason=operation.device_id) for operation in operations]

    def heads(self, lines: Sequence[str]) -> list[Head]:
        self.fault(())
        revision = sum(map(len, self.batches))
        return [Head(line=line, revision=revision, clock=CLOCK) for line in lines]

    def page(self, line: str, limit: int, after: Bookmark | None, state: str | None = None) -> Page | PageExpired:
        self.fault(())
        return Page(line=line, epoch="e", revision=sum(map(len, self.batches)), items=())

    def changes(
        self, line: str, revision: int, limit: int, epoch: str | None, *, prefers_list: bool = False
    ) -> Changes:
        self.fault(())
        return Changes(line=line, epoch=epoch or "e", revision=revision, head=revision + limit, updates=())

    def check(self) -> None:
        self.fault(())

    def close(self) -> None:
        self.closed += 1


class Gate:
    """A fault that holds the journal's writes until ``open``, so that what is told meanwhile is gathered."""

    def __init__(self, store: FakeStore) -> None:
        self._entered, self._may_pass = Event(), Event()
        self._store = store
        store.fault = self

    def __call__(self, operations: Sequence[AnyOperation]) -> None:
        if operations:
            self._entered.set()
            assert self._may_pass.wait(TIMEOUT_S)

    async def entered(self) -> None:
        """Return when a transaction waits here."""
        assert await asyncio.to_thread(self._entered.wait, TIMEOUT_S)

    def open(self, then: Callable[[Sequence[AnyOperation]], None] = lambda operations: None) -> None:
        self._store.fault = then
        self._may_pass.set()
