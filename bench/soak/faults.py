"""What goes wrong, one thing after another: decided by the seed before anything runs, so that it can be repeated."""

import asyncio
import os
import socket
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from random import Random
from typing import Any, Final

from msgspec import Struct

from bench.soak.ledger import USERS, Ledger, bearer
from bench.soak.load import App, pour
from bench.soak.memory import MIN_WINDOW_S, WARM_UP_S
from bench.soak.service import Process, Service

LAST_LIFE_S: Final = WARM_UP_S + 2 * MIN_WINDOW_S
"""So long before the end no node is ended any more, to see whether its memory grows;"""
MIN_KILLS_S: Final = 180.0
MIN_KILLS_SHARE: Final = 0.55
"""unless that leaves less than either of these for their ends."""
ENDS_OF_NODES: Final = ("node killed", "node restarted")
RESTART_S: Final = 1.5
"""About as long as a start takes."""
ROUND_S: Final = 42.0
"""About as long as every kind of strike once takes, at full length."""
SLOW_DEVICES: Final = 10
REPLAYED: Final = 2_000
"""Revisions that each of them asks for and does not read: a fixed number, so that memory does not grow with it."""
POURED: Final = 500
BUS_FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"drop": 0.3},
    {"duplicate": 0.3},
    {"reorder": 0.3},
    {"drop": 0.2, "duplicate": 0.2, "reorder": 0.2, "queue_limit": 20},
    {"publish": {"delay_ms": 300}},
    {"publish": {"answer": 500, "probability": 0.3}},
    {"subscribe": {"answer": "truncate", "probability": 0.3}},
    {"all": {"answer": "hang", "probability": 0.2}},
)


class Strike(Struct, frozen=True):
    """One thing that goes wrong."""

    at_s: float
    """After the start; later if the one before takes longer."""
    fault: str
    lasts_s: float
    number: int
    """Which node, which user, which of several ways."""
    is_first: bool
    """Of its kind: it happens however late it is."""


class Faults:
    """Strikes at ``service`` and at ``apps``."""

    def __init__(self, service: Service, apps: list[App], ledger: Ledger) -> None:
        self._service, self._apps, self._ledger = service, apps, ledger
        self._kinds: dict[str, Callable[[Strike], Awaitable[None]]] = {
            "node killed": self._kill_node,
            "node restarted": self._restart_node,
            "node frozen": self._freeze_node,
            "bus disturbed": self._disturb_bus,
            "bus killed": self._kill_bus,
            "bus frozen": self._freeze_bus,
            "connections cut": self._cut,
            "apps offline": self._take_apps_offline,
            "slow devices": self._connect_slow_devices,
        }
        if service.postgresql is not None:
            self._kinds["database crashed"] = self._crash_database

    def plan(self, seed: int, seconds: float) -> list[Strike]:
        """Return what is to happen: every kind once, then every kind again in another order, and so on.

        All kinds happen in the shortest run, and the shorter it is, the faster they follow each other.
        """
        random, strikes, at_s = Random(f"{seed} faults"), list[Strike](), 0.0
        pace = min(1.0, seconds / ROUND_S)
        kills_end_s = max(seconds - LAST_LIFE_S, min(MIN_KILLS_S, seconds * MIN_KILLS_SHARE))
        while True:
            round_, is_first = random.sample(sorted(self._kinds), len(self._kinds)), not strikes
            for fault in sorted(round_, key=lambda fault: fault not in ENDS_OF_NODES):  # those may not come late
                at_s += random.uniform(0.5, 3) * pace
                strike = Strike(at_s, fault, random.uniform(0.2, 4) * pace, random.randrange(1 << 16), is_first)
                if at_s >= seconds and not is_first:
                    return strikes
                is_end_of_node = fault in ENDS_OF_NODES
                if is_first or not is_end_of_node or at_s < kills_end_s:
                    strikes.append(strike)
                    at_s += strike.lasts_s + RESTART_S * is_end_of_node

    async def strike(self, strikes: list[Strike], ends_s: float) -> None:
        """Let them happen, until ``ends_s`` (``time.monotonic``) or the last first one; then everything works again."""
        began_s = time.monotonic()
        for strike in strikes:
            await asyncio.sleep(began_s + strike.at_s - time.monotonic())
            if time.monotonic() + strike.lasts_s > ends_s and not strike.is_first:
                break
            self._ledger.counts[strike.fault] += 1
            await self._kinds[strike.fault](strike)
        await asyncio.sleep(ends_s - time.monotonic())
        await self._service.disturb_the_bus()

    async def _kill_node(self, strike: Strike) -> None:
        await self._away(self._node(strike), Process.kill, strike)

    async def _restart_node(self, strike: Strike) -> None:
        await self._away(self._node(strike), Process.terminate, strike)

    async def _kill_bus(self, strike: Strike) -> None:
        await self._away(self._service.broker, Process.kill, strike)

    async def _away(self, process: Process, end: Callable[[Process], Awaitable[None]], strike: Strike) -> None:
        await end(process)
        await asyncio.sleep(strike.lasts_s)
        await process.start()

    async def _freeze_node(self, strike: Strike) -> None:
        async with self._node(strike).frozen():
            await asyncio.sleep(strike.lasts_s)

    async def _freeze_bus(self, strike: Strike) -> None:
        async with self._service.broker.frozen():
            await asyncio.sleep(strike.lasts_s)

    async def _disturb_bus(self, strike: Strike) -> None:
        """From now on, whatever else happens: until the broker is killed, or disturbed in another way."""
        rules = BUS_FAULTS[strike.number % len(BUS_FAULTS)]
        await self._service.disturb_the_bus(seed=strike.number, **rules)

    async def _crash_database(self, strike: Strike) -> None:
        assert self._service.postgresql is not None
        await asyncio.to_thread(self._service.postgresql.stop, "immediate")
        await asyncio.sleep(strike.lasts_s)
        await asyncio.to_thread(self._service.postgresql.start)

    async def _cut(self, strike: Strike) -> None:
        self._ledger.counts["connections that were cut"] += self._service.front.cut()

    async def _take_apps_offline(self, strike: Strike) -> None:
        """Every app loses its network at once, its person goes on, and it has it back."""
        for app in self._apps:
            app.client.disconnect()
        await asyncio.sleep(strike.lasts_s)
        for app in self._apps:
            app.client.connect()

    async def _connect_slow_devices(self, strike: Strike) -> None:
        """Devices of one user that ask for much, do not read, and hang up; meanwhile there is more to read."""
        user = USERS[strike.number % len(USERS)]
        since = max(self._ledger.head(user) - REPLAYED, 0)
        with ExitStack() as stack:
            for number in range(SLOW_DEVICES):
                with suppress(OSError):
                    device = await slow_device(self._node(strike).port, user, f"slow-{number}", since)
                    stack.callback(device.close)
            await pour(self._service.url, user, f"poured-{strike.at_s}", POURED, self._ledger)
            await asyncio.sleep(strike.lasts_s)

    def _node(self, strike: Strike) -> Process:
        return self._service.nodes[strike.number % len(self._service.nodes)]


async def slow_device(port: int, user: str, name: str, since: int) -> socket.socket:
    """Return a device that asks for what came after ``since`` and never reads it; to be closed. Raises: OSError."""
    device = socket.socket()
    device.setblocking(False)
    device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    device.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)  # the loopback's own lets the kernel hold megabytes
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(device, ("127.0.0.1", port))
        await loop.sock_sendall(
            device,
            b"GET /ws?since=%d HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\nAuthorization: %b\r\n\r\n"
            % (since, b64encode(os.urandom(16)), bearer(user, name)["Authorization"].encode()),
        )
    except OSError:
        device.close()
        raise
    return device
