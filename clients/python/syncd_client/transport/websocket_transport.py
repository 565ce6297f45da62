"""The transport of choice, which most networks let through: one WebSocket."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from syncd_client.core.core import Core
from syncd_client.data import messages
from syncd_client.transport.addresses import connected
from syncd_client.transport.authorities import authorities
from syncd_client.transport.carrying import BROKEN, Line, refused

MAX_MESSAGE_BYTES: Final = 64 << 20
"""A snapshot of 10,000 items has some 2 MiB."""
CLOSE_TIMEOUT_S: Final = 2.0
PROBE_TIMEOUT_S: Final = 10.0


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow no redirect: it would carry the token elsewhere."""
        return exc


class _Connection(ClientConnection):
    """Tells of all bytes that come, including those of messages that are not complete yet."""

    on_bytes: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.on_bytes is not None:
            self.on_bytes()


async def talk(line: Line, url: str, bearer: str) -> None:
    """Open a WebSocket, and carry messages both ways until it ends."""
    try:
        socket = await _connected(url, bearer)
    except InvalidStatus as error:
        response = error.response
        header = response.headers.get
        line.put_last(
            refused(response.status_code, header("Content-Type"), header("Retry-After"), bytes(response.body))
        )
    except (OSError, InvalidHandshake) as error:
        line.put_last(partial(Core.open_failed, reason=str(error) or type(error).__name__))
    else:
        await _carry(line, socket)


async def can_be_had(url: str, bearer: str) -> bool:
    """Return whether a WebSocket opens and lets something through in both directions."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            socket = await _connected(url, bearer)
            try:
                await (await socket.ping())
            finally:
                await socket.close()
    except (OSError, TimeoutError, WebSocketException, RuntimeError):  # the last of an interpreter that ends
        return False
    return True


async def _connected(url: str, bearer: str) -> ClientConnection:
    uri = parse_uri(url)
    how: dict[str, Any] = {"ssl": authorities()} if uri.secure else {}
    if get_proxy(uri) is None:  # else the library connects to the proxy
        how["sock"] = await connected(uri.host, uri.port)
    return await _Connect(
        url,
        create_connection=_Connection,
        additional_headers={"Authorization": f"Bearer {bearer}"},
        compression=None,
        open_timeout=None,  # the core has a timer of its own, before and after opening
        ping_interval=None,
        close_timeout=CLOSE_TIMEOUT_S,
        max_size=MAX_MESSAGE_BYTES,
        **how,
    )


async def _carry(line: Line, socket: ClientConnection) -> None:
    assert isinstance(socket, _Connection)
    sending = line.run(_send_all(line, socket))
    socket.on_bytes = partial(line.put, Core.heard)
    try:
        line.put(Core.opened)
        while True:
            line.put(partial(Core.received, message=messages.decode(await socket.recv())))
    except ConnectionClosed:
        code = socket.close_code or BROKEN
        line.put_last(partial(Core.closed, code=code, reason=socket.close_reason or f"close code {code}"))
    finally:
        sending.cancel()
        await socket.close()


async def _send_all(line: Line, socket: ClientConnection) -> None:
    try:
        while True:
            await socket.send(messages.encode(await line.outgoing.get()))
    except ConnectionClosed:
        return  # the reader reports it
