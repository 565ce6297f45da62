"""How late the event loop is: everything on this node waits at least that long."""

import asyncio

from actors.metrics import Histogram

INTERVAL_S = 0.25


async def watch(lag: Histogram, interval_s: float = INTERVAL_S) -> None:
    """Observe every ``interval_s`` by how many seconds a timer of the loop is late, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + interval_s
        await asyncio.sleep(interval_s)
        lag.observe(max(0.0, loop.time() - due_s))
