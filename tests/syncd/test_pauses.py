"""A daemon that was paused, as a virtual machine is: its own absence is nobody's silence."""

import asyncio
import json
import os
import signal

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.daemon import FILM, WATCHLIST, StartDaemon, bearer
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

HEARTBEAT_TIMEOUT_S = 1.0
DEVICES = 20


async def test_no_device_is_closed_after_a_pause_of_several_heartbeats(
    start_daemon: StartDaemon,
) -> None:
    daemon = start_daemon("--heartbeat-interval", "0.5", "--heartbeat-timeout", str(HEARTBEAT_TIMEOUT_S))
    headers = [bearer("ann", f"device {number}") for number in range(DEVICES)]
    devices = await asyncio.gather(*(connect(daemon.ws_url, additional_headers=one) for one in headers))
    os.kill(daemon.process.pid, signal.SIGSTOP)
    await asyncio.sleep(3 * HEARTBEAT_TIMEOUT_S)
    os.kill(daemon.process.pid, signal.SIGCONT)
    await asyncio.sleep(2 * HEARTBEAT_TIMEOUT_S)  # who was given up is closed by now
    async with aiohttp.ClientSession(daemon.url, headers=headers[0]) as http:
        async with http.post(WATCHLIST, json={"operation": "add", "content_id": FILM}) as response:
            assert response.status == 200
        async with asyncio.timeout(TIMEOUT_S):
            for device in devices:
                assert json.loads(await device.recv())["content_id"] == FILM
    for device in devices:
        await device.close()
