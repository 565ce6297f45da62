"""What a message costs on its way through a bus engine: ``python -m bench.bus``.

The server and, for receiving, the sender have processes of their own on the loopback: the figures are this node's.
"""

import asyncio
import contextlib
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from multiprocessing.connection import Connection

import msgspec

from actors.messages.channel import PubNubWatchlistUpdate
from bench.servers import free_port, nats_server
from crdt.hlc import HLCTimestamp
from pubnub_broker.server import serve
from transport.bus.codec import BusCodec
from transport.bus.nats.bus import NatsBus, NatsSettings
from transport.bus.pubnub.bus import PubNubBus, PubNubSettings
from transport.bus.pubnub.subscribing import FULL_QUEUE

IN_FLIGHT = 50
PUBLISHES = 5_000
BURSTS = 50

NewBus = Callable[[int], PubNubBus | NatsBus]
"""A bus on a local port."""

MESSAGE = PubNubWatchlistUpdate(
    operation="add",
    content_id="7d444840-9dc0-11d1-b245-5ffdce74fad2",
    unique_tag="node-a:42",
    timestamp=HLCTimestamp(1_700_000_000_000, 0, "node-a"),
    device_id="phone",
    revision=42,
    origin="node-a",
)


class Counter:
    """A subscriber that decodes each message, as ``PubNubSubscriber`` does."""

    def __init__(self) -> None:
        self.count = 0
        self.subscribed = asyncio.Event()
        self._decode = BusCodec().decode
        self._wanted = 0
        self._enough = asyncio.Event()

    def on_message(self, user_id: str, payload: bytes) -> None:
        """Count one message."""
        self._decode(user_id, payload)
        self.count += 1
        if self.count >= self._wanted:
            self._enough.set()

    def on_gap(self, reason: str) -> None:
        """The first gap means that the bus is subscribed."""
        self.subscribed.set()

    async def reach(self, wanted: int) -> None:
        """Return when ``wanted`` messages have arrived."""
        self._wanted = wanted
        self._enough.clear()
        if self.count < wanted:
            await self._enough.wait()


@contextlib.asynccontextmanager
async def started(bus: PubNubBus | NatsBus) -> AsyncIterator[Counter]:
    """Run ``bus``, subscribed."""
    counter = Counter()
    await bus.start(counter.on_message, counter.on_gap)
    await counter.subscribed.wait()
    yield counter
    await bus.close()


async def publish(bus: PubNubBus | NatsBus, count: int) -> None:
    """Publish ``count`` messages of many users, 50 at once."""
    payload = msgspec.json.encode(MESSAGE)
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await bus.publish(f"user-{number % 1_000}", payload)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def measure_publishing(new_bus: NewBus, port: int) -> None:
    """Print what a node publishes in a second, its own echoes received and decoded."""
    bus = new_bus(port)
    async with started(bus):
        await publish(bus, 200)
        start_s, cpu_s = time.perf_counter(), time.process_time()
        await publish(bus, PUBLISHES)
        elapsed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    each_us = cpu_s / PUBLISHES * 1e6
    print(f"  publish, {IN_FLIGHT} at once {PUBLISHES / elapsed_s:8,.0f} /s {each_us:8.1f} us CPU each, with the echo")


async def measure_receiving(new_bus: NewBus, port: int, sender: Connection) -> None:
    """Print the CPU from the socket to the subscriber, decoding included: all that this process does.

    The process stands still while the sender publishes, so that messages arrive by the hundred, as under load.
    """
    async with started(new_bus(port)) as counter:
        cpu_s = time.process_time()
        for burst in range(1, BURSTS + 1):
            sender.send(FULL_QUEUE)
            sender.recv()
            await counter.reach(burst * FULL_QUEUE)
        each_us = (time.process_time() - cpu_s) / counter.count * 1e6
    print(f"  receive, {FULL_QUEUE} at once {'':8}    {each_us:8.1f} us CPU each, decoded")


async def _send(new_bus: NewBus, port: int, orders: Connection) -> None:
    bus = new_bus(port)
    async with started(bus):
        while count := await asyncio.to_thread(orders.recv):
            await publish(bus, count)
            orders.send(None)


def send(new_bus: NewBus, port: int, orders: Connection) -> None:
    """Publish as many messages as ``orders`` says, again and again; 0 ends it."""
    asyncio.run(_send(new_bus, port, orders))


def pubnub_bus(port: int) -> PubNubBus:
    """Return a bus on the local broker."""
    origin = f"127.0.0.1:{port}"
    return PubNubBus(PubNubSettings(subscribe_key="s", publish_key="p", origin=origin, is_tls=False))


def nats_bus(port: int) -> NatsBus:
    """Return a bus on the local nats-server."""
    return NatsBus(NatsSettings(url=f"nats://127.0.0.1:{port}"))


async def _serve(port: int) -> None:
    async with await serve("127.0.0.1", port):
        await asyncio.Event().wait()


def run_broker(port: int) -> None:
    """Run the broker, in its own process."""
    asyncio.run(_serve(port))


@contextlib.contextmanager
def broker() -> Iterator[int]:
    """Run the local broker in a process of its own; its port."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=run_broker, args=(port,), daemon=True)
    process.start()
    _await_server(port)
    yield port
    process.terminate()


@contextlib.contextmanager
def nats() -> Iterator[int]:
    """Run nats-server; its port."""
    with nats_server() as server:
        yield server.port


def _await_server(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def main() -> None:
    """Print every figure."""
    for name, server, new_bus in (("pubnub", broker, pubnub_bus), ("nats", nats, nats_bus)):
        print(name)
        with server() as port:
            ours, theirs = multiprocessing.get_context("spawn").Pipe()
            sender = multiprocessing.get_context("spawn").Process(
                target=send, args=(new_bus, port, theirs), daemon=True
            )
            asyncio.run(measure_publishing(new_bus, port))
            sender.start()
            asyncio.run(measure_receiving(new_bus, port, ours))
            ours.send(0)
            sender.join()


if __name__ == "__main__":
    main()
