"""Thousands of changes at once: made offline, and those of another device; by each client."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from syncd_client import Client, Event, SqliteStore, State, Updated

from bench.clients.chromium import CHROMIUM, client_page
from bench.clients.lists import USER, add_all, contents, token
from bench.programs import Program
from bench.scenario import Figure, Sample, Scenario, Target, run
from bench.servers import Checkout, Server

COUNT: Final = 5_000

BLOCKED = "longest block while they are made, ms"
KEPT = "until they are kept on the device, ms"
FLUSHED = "from coming back to the last one confirmed, ms"
LONGEST = "longest block meanwhile, ms"
SHOWN = "from the first POST to the last one shown, ms"
UPDATES = "updated events meanwhile"

_LOOK_S: Final = 0.002

Measure = Callable[[Server], Coroutine[Any, Any, Sample]]


async def offline_in_chromium(server: Server) -> Sample:
    """Measure the JavaScript client, which keeps them in IndexedDB; a block below 50 ms counts as 0."""
    async with client_page(server) as page:
        await page.call("start", user=USER, token=token("browser"), items=0, inPieces=True)
        found = await page.call("offline", contents=contents(COUNT))
    return {BLOCKED: found["blocked"], KEPT: found["kept"], FLUSHED: found["flushed"], LONGEST: found["longest"]}


async def updates_in_chromium(server: Server) -> Sample:
    """Measure the JavaScript client."""
    async with client_page(server) as page:
        await page.call("start", user=USER, token=token("browser"), items=0, inPieces=True)
        began_s = time.perf_counter()
        following = asyncio.create_task(page.call("follow", items=COUNT))
        await add_all(server, contents(COUNT))
        found = await following
    return {SHOWN: _ms_since(began_s), UPDATES: found["updates"], LONGEST: found["longest"]}


async def offline_in_python(server: Server) -> Sample:
    """Measure the Python client, which keeps them in SQLite."""
    async with _client(server) as client, _watched() as blocks:
        client.disconnect()
        began_s = time.perf_counter()
        *_, last = client.add_many(contents(COUNT))
        call_ms = _ms_since(began_s)
        await last
        kept_ms, blocked_ms = _ms_since(began_s), max(call_ms, blocks.longest_ms())
        back_s = time.perf_counter()
        client.connect()
        await client.wait_until(lambda: client.queued == 0 and len(client.items) == COUNT)
        return {BLOCKED: blocked_ms, KEPT: kept_ms, FLUSHED: _ms_since(back_s), LONGEST: blocks.longest_ms()}


async def updates_in_python(server: Server) -> Sample:
    """Measure the Python client."""
    events: list[Event] = []
    async with _client(server) as client, _watched() as blocks:
        client.subscribe(events.append)
        began_s = time.perf_counter()
        await add_all(server, contents(COUNT))
        await client.wait_until(lambda: len(client.items) == COUNT)
        shown_ms, updates = _ms_since(began_s), sum(isinstance(event, Updated) for event in events)
        return {SHOWN: shown_ms, UPDATES: updates, LONGEST: blocks.longest_ms()}


def _ms_since(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1e3


@asynccontextmanager
async def _client(server: Server) -> AsyncIterator[Client]:
    """Return a client of a new device that is live; its file is on a real disk."""

    async def get_token() -> str:
        return token("desktop")

    with TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as directory:
        async with Client(f"http://127.0.0.1:{server.port}", SqliteStore(Path(directory, "client.db"))) as client:
            client.sign_in(USER, get_token)
            await client.wait_until(lambda: client.state is State.LIVE)
            yield client


class _Blocks:
    """How long nothing else could run on the loop."""

    def __init__(self) -> None:
        self._longest_s = 0.0

    async def watch(self) -> None:
        """Measure, until cancelled."""
        while True:
            due_s = time.perf_counter() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            self._longest_s = max(self._longest_s, time.perf_counter() - due_s)

    def longest_ms(self) -> float:
        """Return the longest since the last time."""
        found, self._longest_s = self._longest_s, 0.0
        return found * 1e3


@asynccontextmanager
async def _watched() -> AsyncIterator[_Blocks]:
    blocks = _Blocks()
    watching = asyncio.create_task(blocks.watch())
    yield blocks
    watching.cancel()


def _scenario(what: str, by: str, measure: Measure, needs: tuple[Program, ...], *figures: Figure) -> Scenario:
    def measure_daemon(checkout: Checkout) -> Sample:
        with checkout.daemon() as server:
            return run(measure(server))

    return Scenario(
        title=f"{COUNT:,} {what}; {by}", under_way="nothing else", figures=figures, measure=measure_daemon, needs=needs
    )


_OFFLINE: Final = (
    Figure(BLOCKED, (Target("<", 1_000),)),
    Figure(KEPT),
    Figure(FLUSHED, (Target("<", 5_000),)),
    Figure(LONGEST),
)
_NO_LONG_TASK: Final = Target("≤", 100)
_UPDATES: Final = Figure(SHOWN), Figure(UPDATES)
_JAVASCRIPT: Final = "JavaScript client, Chromium"
_PYTHON: Final = "Python client, SQLite"

SCENARIOS: Final = {
    "offline-javascript": _scenario("changes offline", _JAVASCRIPT, offline_in_chromium, (CHROMIUM,), *_OFFLINE),
    "offline-python": _scenario("changes offline", _PYTHON, offline_in_python, (), *_OFFLINE),
    "updates-javascript": _scenario(
        "updates at once", _JAVASCRIPT, updates_in_chromium, (CHROMIUM,), Figure(LONGEST, (_NO_LONG_TASK,)), *_UPDATES
    ),
    "updates-python": _scenario("updates at once", _PYTHON, updates_in_python, (), Figure(LONGEST), *_UPDATES),
}
