"""The broker as a server: a port, its connections, and the notice that says what it is for."""

import asyncio
from types import TracebackType
from typing import Self

from pubnub_broker.faults import Faults
from pubnub_broker.http import HttpConnection
from pubnub_broker.rest import FAULTS_PATH, Rest

HOLD_S = 270.0
"""How long a long poll waits for news: below the 310 s after which PubNub's SDKs call it a failure."""


class BrokerServer:
    """A running broker. Thread: the event loop it was started on."""

    def __init__(self, server: asyncio.Server, connections: set[HttpConnection], host: str, faults: Faults) -> None:
        self._server = server
        self._connections = connections
        self.faults = faults
        """The fault switches, as the admin endpoint sets them."""
        self.port: int = server.sockets[0].getsockname()[1]
        self.origin = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        """What an SDK takes as its ``origin``, TLS off."""
        self.url = f"http://{self.origin}"

    async def close(self) -> None:
        """Close the port and drop every connection and message, as a killed process would; idempotent."""
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        """Return the running broker."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()


async def serve(
    host: str,
    port: int,
    *,
    hold_s: float = HOLD_S,
    publish_key: str | None = None,
    subscribe_key: str | None = None,
) -> BrokerServer:
    """Start a broker and return once it listens.

    Args:
        host: the address to listen on.
        port: 0: any free one; a port that another broker has just released can be used at once.
        hold_s: how long a poll without news is held.
        publish_key: the only key that may publish; ``None``: any.
        subscribe_key: the only keyset; ``None``: any, each a world of its own.

    Raises:
        OSError: the port cannot be bound.
    """
    rest = Rest(hold_s=hold_s, publish_key=publish_key, subscribe_key=subscribe_key)
    connections: set[HttpConnection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(rest.answer, connections), host, port, backlog=1024
    )
    return BrokerServer(server, connections, host, rest.faults)


async def run(host: str, port: int) -> None:
    """Run a broker, with a notice on standard output, until cancelled.

    Raises:
        OSError: the port cannot be bound.
    """
    async with await serve(host, port) as broker:
        print(_notice(broker), flush=True)
        await asyncio.Event().wait()


def _notice(broker: BrokerServer) -> str:
    return f"""\
This PubNub-protocol broker is for development and tests, not for production:
it keeps nothing when it ends, accepts any key and needs no password.

  PubNub SDKs   origin "{broker.origin}", TLS off, any publish and subscribe keys
  syncd         SYNCD_BUS=pubnub SYNCD_PUBNUB_ORIGIN={broker.origin} SYNCD_PUBNUB_TLS=off \\
                SYNCD_PUBNUB_PUBLISH_KEY=dev SYNCD_PUBNUB_SUBSCRIBE_KEY=dev python -m syncd
  faults        curl -X PUT {broker.url}/{"/".join(FAULTS_PATH)} -d '{{"drop": 0.2}}'
"""
