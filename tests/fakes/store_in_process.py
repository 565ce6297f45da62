"""``actors.ports.StoreClient`` on a store of the test's own process: each call blocks a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from actors.errors import StoreDefect, StoreUnavailable, ValueRefused
from actors.messages.conversion import snapshot_page
from actors.messages.devices import EndPresence, NotePresence, PresenceEnded, PresenceNoted
from actors.messages.journal_reads import Page, PageExpired, RegisterPage, SnapshotPage
from actors.messages.store import (
    BatchCommitted,
    CheckWriting,
    CommitBatch,
    Done,
    FindChanges,
    FindHeads,
    FindLists,
    FindPage,
    FindRegister,
    FindRevocations,
    FindSnapshotPage,
    HeadsFound,
    RevocationsFound,
    RevokeToken,
)
from actors.ports import JournalStore, RevocationStore
from actors.runtime.ask import Request
from storage.journal.journal_store import SqlJournalStore

R = TypeVar("R")


class StoreInProcess:
    """As the two processes: writes in order on one thread, reads in order on another.

    ``reader``: the same store again, if it is one that only one thread may use.
    """

    def __init__(
        self, store: JournalStore, revocations: RevocationStore | None = None, reader: JournalStore | None = None
    ) -> None:
        self._writes = store
        self._reads = reader or store
        self._revocations = revocations
        self._writer = ThreadPoolExecutor(1, "writer")
        self._reader = ThreadPoolExecutor(1, "reader")

    async def start(self) -> None:
        """There is nothing to start."""

    def write(self, request: Request[R]) -> asyncio.Future[R]:
        return self._run(self._writer, self._writes, request)

    def read(self, request: Request[R]) -> asyncio.Future[R]:
        return self._run(self._reader, self._reads, request)

    async def close(self) -> None:
        for executor in (self._writer, self._reader):
            await asyncio.to_thread(executor.shutdown)
        self._writes.close()
        if self._reads is not self._writes:
            self._reads.close()
        if self._revocations is not None:
            self._revocations.close()

    def _run(self, executor: ThreadPoolExecutor, store: JournalStore, request: Request[R]) -> asyncio.Future[R]:
        def do() -> Any:
            try:
                return self._call(store, request)()
            except (StoreUnavailable, ValueRefused):
                raise
            except Exception as error:
                raise StoreDefect(repr(error)) from error

        return asyncio.get_running_loop().run_in_executor(executor, do)

    def _call(self, store: JournalStore, request: Request[Any]) -> Callable[[], Any]:
        match request:
            case CommitBatch(operations=operations):
                return lambda: BatchCommitted(tuple(store.commit(operations)), seconds=1.0)
            case CheckWriting():
                return lambda: _checked(store)
            case FindHeads(lines=lines):
                return lambda: HeadsFound(tuple(store.heads(lines)))
            case FindPage(line=line, limit=limit, after=after, state=state):
                return lambda: store.page(line, limit, after, state)
            case FindChanges(line=line, revision=revision, limit=limit, epoch=epoch, prefers_list=prefers_list):
                return lambda: store.changes(line, revision, limit, epoch, prefers_list=prefers_list)
            case FindSnapshotPage(line=line, limit=limit, after=after):
                return lambda: _snapshot_page(store.page(line, limit, after))
            case NotePresence():  # nobody asks such a store who is online
                return lambda: PresenceNoted(is_lease_kept=True, has_more=False)
            case EndPresence():
                return PresenceEnded
            case FindRegister(line=line, key=key) if isinstance(store, SqlJournalStore):
                return lambda: store.register(line, key)
            case FindLists(user_id=user_id) if isinstance(store, SqlJournalStore):
                return lambda: store.lists(user_id)
            case RevokeToken(token_id=token_id, expires_at=expires_at):
                return lambda: self._revoke(token_id, expires_at)
            case FindRevocations(after=version):
                return lambda: self._revoked(version)
            case _:
                raise AssertionError(request)

    def _revoke(self, token_id: str, expires_at: int | None) -> Done:
        assert self._revocations is not None
        self._revocations.revoke(token_id, expires_at)
        return Done()

    def _revoked(self, after: int) -> RevocationsFound:
        assert self._revocations is not None
        version, tokens = self._revocations.revoked(after)
        return RevocationsFound(version, tuple(tokens))


def _checked(store: JournalStore) -> Done:
    store.check()
    return Done()


def _snapshot_page(page: Page | RegisterPage | PageExpired) -> SnapshotPage | PageExpired:
    return page if isinstance(page, PageExpired) else snapshot_page(page)
