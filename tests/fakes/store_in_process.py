"""``actors.ports.StoreClient`` on a store of the test's own process: each call blocks a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from actors.errors import StoreDefect, StoreUnavailable
from actors.messages.store import (
    BatchCommitted,
    CommitBatch,
    FindChanges,
    FindHeads,
    FindPage,
    FindSince,
    HeadsFound,
)
from actors.ports import JournalStore
from actors.runtime.ask import Request

R = TypeVar("R")


class StoreInProcess:
    """As the two processes: writes in order on one thread, reads in order on another."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(1, "writer")
        self._reader = ThreadPoolExecutor(1, "reader")

    def write(self, request: Request[R]) -> asyncio.Future[R]:
        return self._run(self._writer, request)

    def read(self, request: Request[R]) -> asyncio.Future[R]:
        return self._run(self._reader, request)

    def close(self) -> None:
        self._writer.shutdown()
        self._reader.shutdown()
        self._store.close()

    def _run(self, executor: ThreadPoolExecutor, request: Request[R]) -> asyncio.Future[R]:
        def do() -> Any:
            try:
                return self._call(request)()
            except (StoreUnavailable, StoreDefect):
                raise
            except Exception as error:
                raise StoreDefect(repr(error)) from error

        return asyncio.get_running_loop().run_in_executor(executor, do)

    def _call(self, request: Request[Any]) -> Callable[[], Any]:
        store = self._store
        match request:
            case CommitBatch(operations=operations):
                return lambda: BatchCommitted(tuple(store.commit(operations)), seconds=1.0)
            case FindHeads(user_ids=user_ids):
                return lambda: HeadsFound(tuple(store.heads(user_ids)))
            case FindSince(user_id=user_id, revision=revision, epoch=epoch):
                return lambda: store.since(user_id, revision, epoch)
            case FindPage(user_id=user_id, limit=limit, after=after):
                return lambda: store.page(user_id, limit, after)
            case FindChanges(user_id=user_id, revision=revision, limit=limit, epoch=epoch):
                return lambda: store.changes(user_id, revision, limit, epoch)
            case _:
                raise AssertionError(request)
