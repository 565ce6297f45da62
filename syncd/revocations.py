"""Revoked tokens: kept in the database, noticed by every node within seconds, refused by a look into a dict."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import cast

from pykka import ActorRef

from actors.journal.revocation_log import ReadRevocations, RevocationLog, Revoke
from actors.ports import StoreUnavailable
from actors.runtime import LoopFuture
from storage.database import Database
from storage.revocations import SqlRevocationStore

logger = logging.getLogger(__name__)

POLL_S = 2.0
"""How often a node looks for what other nodes have revoked: one look-up in an index."""

Disconnect = Callable[[Collection[str]], int]
"""Closes the connections whose token has one of these ids, and returns their number."""


class Revocations:
    """What this node knows of them. Thread: the event loop.

    Args:
        log: the database.
        disconnect: called with what became known.
    """

    def __init__(self, log: ActorRef[RevocationLog], disconnect: Disconnect) -> None:
        self.token_ids: dict[str, int | None] = {}
        """Refused token id -> when its token ends by itself."""
        self._log = log
        self._disconnect = disconnect
        self._version = 0

    async def revoke(self, token_id: str, expires_at: int | None) -> int:
        """Refuse a token on every node, on this one at once; return how many connections that closed here.

        Raises:
            StoreUnavailable: it could not be kept, and is not refused.
        """
        await cast("LoopFuture[None]", self._log.ask(Revoke(token_id, expires_at), block=False))
        return self._learn([(token_id, expires_at)])

    async def refresh(self) -> None:
        """Learn what other nodes have revoked. Raises: StoreUnavailable."""
        asked = self._log.ask(ReadRevocations(self._version), block=False)
        version, revoked = await cast("LoopFuture[tuple[int, list[tuple[str, int | None]]]]", asked)
        self._version = max(self._version, version)
        self._learn(revoked)

    def _learn(self, revoked: list[tuple[str, int | None]]) -> int:
        if not revoked:
            return 0
        now_s = time.time()
        self.token_ids.update(revoked)
        for token_id in [token_id for token_id, end in self.token_ids.items() if end is not None and end <= now_s]:
            del self.token_ids[token_id]  # its token is refused for its age
        return self._disconnect([token_id for token_id, _ in revoked])


@asynccontextmanager
async def watching_revocations(database_url: str, disconnect: Disconnect) -> AsyncIterator[Revocations]:
    """Keep a node's ``Revocations`` up to date for the length of the context; the first look is done when it begins.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    log = RevocationLog.start(SqlRevocationStore(Database(database_url), time.time))
    try:
        revocations = Revocations(log, disconnect)
        await revocations.refresh()
        watch = asyncio.create_task(_watch(revocations))
        try:
            yield revocations
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
    finally:
        await cast("LoopFuture[bool]", log.stop(block=False))


async def _watch(revocations: Revocations) -> None:
    is_available = True
    while True:
        await asyncio.sleep(POLL_S)
        try:
            await revocations.refresh()
        except StoreUnavailable as error:  # what is known stays refused
            if is_available:  # once per outage
                logger.warning("revocations of other nodes cannot be read: %s", error)
            is_available = False
        else:
            is_available = True
