"""The daemon under attack is a real process; see tests/syncd/conftest.py."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.syncd.conftest import DaemonProcess, bearer, daemon, http, user

__all__ = ["bystander", "daemon", "http", "user"]

WATCHLIST = "/api/v1/sync/watchlist"
FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"


@pytest.fixture
async def bystander(daemon: DaemonProcess, http: aiohttp.ClientSession, user: str) -> AsyncIterator[ClientConnection]:
    """A well-behaved device: during the attack it gets its update, at its end nothing else, and no error is logged."""
    async with connect(daemon.ws_url, additional_headers=bearer(user)) as socket:
        yield socket
        body = {"operation": "add", "content_id": FILM}
        async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer(user, "other")) as response:
            assert response.status == 200
        async with asyncio.timeout(30):
            assert json.loads(await socket.recv())["revision"] == 1
    assert "error" not in [json.loads(line)["level"] for line in daemon.log.read_text().splitlines()]
