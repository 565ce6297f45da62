"""An issuer of keys that is worse than away: nobody waits for it for long, and the daemon stops when it is told to."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.daemon import WATCHLIST, StartDaemon
from tests.keys import rsa_key
from tests.timeouts import TIMEOUT_S


@pytest.fixture
async def dripping() -> AsyncIterator[str]:
    """The URL of a server that answers one byte at a time, for ever."""
    is_over = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
            while not is_over.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    is_over.set()
    server.close()


async def test_keys_that_never_stop_coming_hold_up_neither_a_device_nor_the_stop(
    dripping: str, start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon("--jwks-url", dripping, secret=None)
    key = rsa_key()
    token = jwt.encode({"sub": "ann", "device_id": "tv", "exp": 9_999_999_999}, key, "RS256", {"kid": "one"})
    headers = {"Authorization": f"Bearer {token}"}
    async with asyncio.timeout(TIMEOUT_S):
        async with http.get(daemon.url + WATCHLIST, headers=headers) as response:
            assert response.status == 503
        with pytest.raises(InvalidStatus, match="503"):
            await connect(daemon.ws_url, additional_headers=headers)
        async with http.get(daemon.url + "/ready") as response:
            assert "no whole answer within 5 s" in (await response.json())["problems"]["issuer"]
        assert await daemon.terminate() == 0
