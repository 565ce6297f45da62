"""A broker on a free port, the unmodified PubNub SDK pointed at it, and HTTP so raw that nothing is normalised."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import json
from pubnub.callbacks import SubscribeCallback
from pubnub.enums import PNStatusCategory
from pubnub.pnconfiguration import PNConfiguration
from pubnub.pubnub_asyncio import PubNubAsyncio

from pubnub_broker.server import BrokerServer, serve
from tests.pubnub_broker.messages import Http
from tests.timeouts import TIMEOUT_S


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    async with await serve("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
async def sdk(broker: BrokerServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """``sdk("alice", request_handler)`` is a client that retries at once and is closed at the end of the test."""
    clients: list[Any] = []
    monkeypatch.setenv("SSL_CERT_DIR", str(Path(__file__).parent))  # else each client reads all authorities' keys

    def connect(user_id: str, request_handler: type | None = None) -> Any:
        config = PNConfiguration()
        config.publish_key, config.subscribe_key, config.uuid = "pub-c-test", "sub-c-test", user_id
        config.origin, config.ssl = broker.origin, False
        config.disable_config_locking = False  # else a deprecation warning
        _ = config.crypto  # the SDK sets it at first use and would warn that the configuration is locked
        config.reconnection_interval, config.maximum_reconnection_interval = 0.01, 0.01
        config.maximum_reconnection_retries = -1
        clients.append(PubNubAsyncio(config, custom_request_handler=request_handler))
        return clients[-1]

    yield connect
    for client in clients:
        await client.stop()
        client._subscription_manager.loop.close()  # the SDK makes one and forgets it


class _Listener(SubscribeCallback):  # type: ignore[misc] # the SDK is untyped
    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.left = asyncio.Event()

    def status(self, pubnub: Any, status: Any) -> None:
        if status.category is PNStatusCategory.PNConnectedCategory:
            self.connected.set()
        elif status.category is PNStatusCategory.PNAcknowledgmentCategory:
            self.left.set()

    def message(self, pubnub: Any, message: Any) -> None:
        self.events.put_nowait(message)

    def signal(self, pubnub: Any, signal: Any) -> None:
        self.events.put_nowait(signal)

    def presence(self, pubnub: Any, presence: Any) -> None:
        self.events.put_nowait(presence)


@pytest.fixture
async def listen(sdk: Callable[..., Any]) -> AsyncIterator[Callable[..., Awaitable[asyncio.Queue[Any]]]]:
    """``await listen(["a", "b.*"], ["group"])`` returns the queue of everything that arrives there from then on."""
    listening: list[tuple[Any, _Listener]] = []

    async def start(
        channels: list[str],
        groups: list[str] | None = None,
        *,
        user_id: str = "listener",
        request_handler: type | None = None,
        with_presence: bool = False,
    ) -> asyncio.Queue[Any]:
        client, listener = sdk(user_id, request_handler), _Listener()
        client.add_listener(listener)
        subscribing = client.subscribe().channels(channels).channel_groups(groups or [])
        (subscribing.with_presence() if with_presence else subscribing).execute()
        await asyncio.wait_for(listener.connected.wait(), TIMEOUT_S)
        listening.append((client, listener))
        return listener.events

    yield start
    for client, listener in listening:
        client.unsubscribe_all()
        await asyncio.wait_for(listener.left.wait(), TIMEOUT_S)


@pytest.fixture
def http_at() -> Callable[[int], Http]:
    """``http_at(port)`` is an ``http`` for that port."""

    def at(port: int) -> Http:
        async def request(
            method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
        ) -> tuple[int, Any]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                lines = [f"{method} {target} HTTP/1.1", "Host: broker", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                async with asyncio.timeout(TIMEOUT_S):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                    length = int(head.partition("content-length: ")[2].split("\r\n")[0])
                    return int(head.split()[1]), json.decode(await reader.readexactly(length))
            finally:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)

        return request

    return at


@pytest.fixture
def http(http_at: Callable[[int], Http], broker: BrokerServer) -> Http:
    """``await http("GET", "/time/0")`` is the status and the decoded JSON; no whole answer is an ``EOFError``."""
    return http_at(broker.port)
