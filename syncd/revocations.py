"""Revoked tokens: kept in the database, noticed by every node within seconds, refused by a look into a dict."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from actors.errors import StoreUnavailable
from actors.messages.store import FindRevocations, RevokeToken
from actors.ports import StoreClient
from syncd.background import in_background

logger = logging.getLogger(__name__)

POLL_S = 2.0
"""How often a node looks for what other nodes have revoked: one look-up in an index."""

LOG_EVERY_S = 60.0
"""How often the log says that they cannot be read, while it lasts."""

RevokedTokenIds = dict[str, int | None]
"""Refused token id -> when its token ends by itself, in seconds since 1970; ``None``: never."""

Disconnect = Callable[[Collection[str]], int]
"""Closes the connections whose token has one of these ids, and returns their number."""


class Revocations:
    """What this node knows of them. Thread: the event loop.

    Args:
        store: where all nodes look.
        token_ids: what is refused is kept here.
        disconnect: called with what became known.
    """

    def __init__(self, store: StoreClient, token_ids: RevokedTokenIds, disconnect: Disconnect) -> None:
        self._token_ids = token_ids
        self._store = store
        self._disconnect = disconnect
        self._version = 0

    async def revoke(self, token_id: str, expires_at: int | None) -> int:
        """Refuse a token on every node, on this one at once; return how many connections that closed here.

        Of two revocations of one token the later end holds, whatever their order.

        Raises:
            StoreUnavailable: it could not be kept, and is not refused.
        """
        await self._store.write(RevokeToken(token_id, expires_at))
        return self._learn([(token_id, expires_at)])

    async def refresh(self) -> int:
        """Learn what other nodes have revoked; return how many connections that closed. Raises: StoreUnavailable."""
        found = await self._store.read(FindRevocations(self._version))
        self._version = found.version  # which has gone back if the epoch has changed
        return self._learn(found.tokens)

    async def watch(self, poll_s: float = POLL_S, now_s: Callable[[], float] = time.monotonic) -> None:
        """Refresh every ``poll_s``, for ever. What is known stays refused while nothing can be read."""
        logged_s: float | None = None
        while True:
            await asyncio.sleep(poll_s)
            try:
                await self.refresh()
            except StoreUnavailable as error:
                if logged_s is None or now_s() - logged_s >= LOG_EVERY_S:
                    logger.warning("revocations of other nodes cannot be read: %s", error)
                    logged_s = now_s()
            else:
                if logged_s is not None:
                    logger.info("revocations of other nodes can be read again")
                logged_s = None

    def _learn(self, revoked: Sequence[tuple[str, int | None]]) -> int:
        if not revoked:
            return 0
        now_s = time.time()
        for token_id, end in revoked:
            self._token_ids[token_id] = _later(end, self._token_ids.get(token_id, end))
        for token_id in [token_id for token_id, end in self._token_ids.items() if end is not None and end <= now_s]:
            del self._token_ids[token_id]  # its token is refused for its age
        return self._disconnect([token_id for token_id, _ in revoked])


def _later(one: int | None, other: int | None) -> int | None:
    """Return the later of two ends; ``None`` is never, and later than all."""
    return None if one is None or other is None else max(one, other)


@asynccontextmanager
async def watching_revocations(
    store: StoreClient, token_ids: RevokedTokenIds, disconnect: Disconnect, poll_s: float = POLL_S
) -> AsyncIterator[Revocations]:
    """Keep ``token_ids`` up to date for the length of the context; the first look is done when it begins.

    Args:
        store: where all nodes keep them.
        token_ids: see ``Revocations``.
        disconnect: see ``Revocations``.
        poll_s: between two looks.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    revocations = Revocations(store, token_ids, disconnect)
    await revocations.refresh()
    async with in_background(revocations.watch(poll_s)):
        yield revocations
