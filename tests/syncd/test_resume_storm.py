"""``?since=N`` under fire: real sockets, cut thousands of times at random while their user never stops writing."""

import asyncio
import json
import random
from contextlib import suppress
from itertools import count
from uuid import UUID

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.daemon import DaemonProcess, StartDaemon, bearer

pytestmark = pytest.mark.integration

DEVICES = 8
CUTS_PER_DEVICE = 300
LONGEST_VISIT_S = 0.02


class Traveller:
    """A device that is cut off again and again; ``seen``: its revisions as they came, over all connections."""

    def __init__(self, daemon: DaemonProcess, user: str, number: int) -> None:
        self.seen: list[int] = []
        self._url = daemon.ws_url
        self._headers = bearer(user, f"device-{number}")
        self._dice = random.Random(number)

    async def travel(self) -> None:
        for _ in range(CUTS_PER_DEVICE):
            await self._visit(self._dice.random() * LONGEST_VISIT_S, None)

    async def arrive(self, revision: int) -> None:
        """Come a last time, and stay until ``revision`` is there."""
        await self._visit(30, revision)

    async def _visit(self, stay_s: float, until: int | None) -> None:
        """Connect where it was cut off, take what comes, and cut the TCP connection wherever it is by then."""
        since = self.seen[-1] if self.seen else 0
        device = await connect(f"{self._url}?since={since}", additional_headers=self._headers)
        with suppress(TimeoutError):
            async with asyncio.timeout(stay_s):
                while until is None or not self.seen or self.seen[-1] < until:
                    message = json.loads(await device.recv())
                    if message["type"] == "resumed":
                        assert message["recovered"]
                        assert message["revision"] >= since
                    else:
                        self.seen.append(message["revision"])
        device.transport.abort()
        with suppress(ConnectionClosed):
            await device.wait_closed()


async def test_devices_that_are_cut_off_thousands_of_times_under_a_write_storm_miss_nothing_and_see_nothing_twice(
    start_daemon: StartDaemon, user: str
) -> None:
    daemon = start_daemon("--read-burst", str(2 * DEVICES * CUTS_PER_DEVICE))
    travellers = [Traveller(daemon, user, number) for number in range(DEVICES)]
    written = 0

    async def write_without_end() -> None:
        nonlocal written
        async with connect(daemon.ws_url, additional_headers=bearer(user, "writer")) as writer:
            for number in count(1):
                add = {
                    "type": "watchlist_update",
                    "operation": "add",
                    "content_id": str(UUID(int=number)),
                    "id": number,
                }
                await writer.send(json.dumps(add))
                while (message := json.loads(await writer.recv()))["type"] != "ack":
                    assert message["type"] == "watchlist_update"
                written = number

    writing = asyncio.create_task(write_without_end())
    await asyncio.gather(*(traveller.travel() for traveller in travellers))
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()  # and had not failed
    assert written > CUTS_PER_DEVICE
    for traveller in travellers:
        await traveller.arrive(written)
        assert traveller.seen[:written] == list(range(1, written + 1))
        assert len(traveller.seen) <= written + 1  # the last write may have been cancelled on its way
