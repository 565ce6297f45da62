"""An issuer of keys that is down or worse: no handshake waits for it longer than it must."""

import asyncio
import threading
from collections.abc import AsyncIterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.timeouts import TIMEOUT_S
from transport.access import signing_keys
from transport.access.authentication import Authenticator
from transport.access.signing_keys import JwksKeys
from transport.errors import TokenRefused


@pytest.fixture
async def dripping() -> AsyncIterator[str]:
    """The URL of a server that answers one byte at a time, for ever."""
    is_over = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        while not is_over.is_set():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    is_over.set()
    server.close()
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_keys_that_never_stop_coming_are_given_up(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_keys, "JWKS_TIMEOUT_S", 0.2)
    authenticator = Authenticator(JwksKeys(dripping, ["RS256"]))
    key = rsa.generate_private_key(65537, 2048)
    token = jwt.encode({"sub": "ann", "device_id": "tv", "exp": 9_999_999_999}, key, "RS256", {"kid": "one"})
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(TokenRefused, match="unknown key"):
            await authenticator.authenticate_fetching(token)
    assert threading.active_count() > 1  # the fetch itself cannot be ended, only no longer waited for
