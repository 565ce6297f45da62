"""The processes of a test's store, and how to hold them up."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from actors.errors import StoreUnavailable
from actors.messages.journal import Operation
from actors.messages.store import (
    BatchCommitted,
    CommitBatch,
    FindHeads,
)
from crdt.hlc import HLCTimestamp
from storage.processes.client import StoreProcesses
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from tests.timeouts import TIMEOUT_S

DEADLINE_S = TIMEOUT_S / 20
"""Of those that are to miss it. A process that was just started must not: its start takes half a second, or several."""


class Writes(Protocol):
    def add(self, name: str, **options: object) -> Operation: ...


class Store:
    """The processes of a test, and how often each was started again."""

    def __init__(self, url: str, deadline_s: float, replica_url: str | None, bounds: Bounds) -> None:
        self.restarts: Counter[str] = Counter()
        self.client = StoreProcesses(
            url,
            self.restarts,
            bounds=bounds,
            replica_url=replica_url,
            write_deadline_s=deadline_s,
            read_deadline_s=deadline_s,
        )

    async def commit(self, *operations: Operation) -> BatchCommitted:
        return await self.client.write(CommitBatch(operations))

    async def revision(self, user_id: str = "ann") -> int:
        return (await self.client.read(FindHeads((user_id,)))).heads[0].revision

    async def in_the_end(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Return when ``attempt`` succeeds: a process that has just been started may not be in time yet."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    await attempt()
                except StoreUnavailable:
                    await asyncio.sleep(0.05)
                else:
                    return


@asynccontextmanager
async def running(
    url: str, deadline_s: float = TIMEOUT_S, replica_url: str | None = None, bounds: Bounds = DEFAULT_BOUNDS
) -> AsyncIterator[Store]:
    store = Store(url, deadline_s, replica_url, bounds)
    try:
        await store.client.start()
        yield store
    finally:
        await store.client.close()


def now() -> HLCTimestamp:
    """Return a timestamp that the processes, whose clock is the system's, take for one of today."""
    return HLCTimestamp(time.time_ns() // 1_000_000, 0, "node-1")
