"""Keeping the keys of tokens up to date while the daemon serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from transport.access.signing_keys import SigningKeys, Withdrawn


@asynccontextmanager
async def watching_keys(keys: SigningKeys, withdrawn: Withdrawn) -> AsyncIterator[None]:
    """Keep ``keys`` up to date for the length of the context, which begins at once, wherever their issuer is."""
    watch = asyncio.create_task(keys.watch(withdrawn))
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
