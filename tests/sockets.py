"""What tests ask of TCP ports and of WebSockets."""

import asyncio
import json
import socket
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.timeouts import TIMEOUT_S


def free_port() -> int:
    """Return a port of the loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def next_message(device: ClientConnection) -> dict[str, Any]:
    """Return what the device is told next, whatever it is."""
    async with asyncio.timeout(TIMEOUT_S):
        message: dict[str, Any] = json.loads(await device.recv())
        return message


async def close_code(device: ClientConnection) -> int | None:
    """Read until the service closes the connection, and return its code; ``None``: there was no close frame."""
    async with asyncio.timeout(TIMEOUT_S):
        try:
            while True:
                await device.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
