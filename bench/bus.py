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
from actors.ports import BusListener
from bench.servers import free_port, nats_server
from crdt.hlc import HLCTimestamp
from pubnub_broker.server import serve
from transport.bus.channels import channel_of
from transport.bus.codec import BusCodec
from transport.bus.nats.bus import NatsBus
from transport.bus.nats.servers import NatsSettings
from transport.bus.pubnub.bus import PubNubBus, PubNubSettings
from transport.bus.pubnub.ingest import Ingester
from transport.bus.pubnub.polls import read_poll

IN_FLIGHT = 50
PUBLISHES = 5_000
BURSTS = 20
BURST_S = 0.25
"""From one burst to the next, whatever their sizes: a process that has slept longer is slower."""
AT_ONCE = 99
"""Less than a full queue, which would count as a loss."""
HERE = tuple(f"here-{number}" for number in range(1_000))
ELSEWHERE = tuple(f"elsewhere-{number}" for number in range(1_000))
LAST = "last"
"""Is here, too: the message that shows that those before it have arrived."""
ROUNDS = 200

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
PAYLOAD = msgspec.json.encode(MESSAGE)


class Counter:
    """A node that decodes each message, as ``PubNubSubscriber`` does."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.last = asyncio.Event()
        self._decode = BusCodec().decode

    def listener(self) -> BusListener:
        """Return what a bus tells; the first gap means that it is subscribed."""
        return BusListener(
            node="node-b",
            on_message=self._on_message,
            on_gap=lambda reason: self.subscribed.set(),
            on_subscribed=lambda user_ids: None,
        )

    def _on_message(self, user_id: str, payload: bytes) -> None:
        self._decode(user_id, payload)
        if user_id == LAST:
            self.last.set()


@contextlib.asynccontextmanager
async def started(bus: PubNubBus | NatsBus) -> AsyncIterator[Counter]:
    """Run ``bus``, subscribed."""
    counter = Counter()
    for user_id in (*HERE, LAST):
        bus.subscribe(user_id)
    await bus.start(counter.listener())
    await counter.subscribed.wait()
    yield counter
    await bus.close()


async def publish(bus: PubNubBus | NatsBus, user_ids: tuple[str, ...], count: int) -> None:
    """Publish ``count`` messages of many users, 50 at once."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await bus.publish(user_ids[number % len(user_ids)], PAYLOAD)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def measure_publishing(new_bus: NewBus, port: int) -> None:
    """Print what a node publishes in a second, its own echoes received if there are some."""
    bus = new_bus(port)
    async with started(bus):
        await publish(bus, HERE, 200)
        start_s, cpu_s = time.perf_counter(), time.process_time()
        await publish(bus, HERE, PUBLISHES)
        elapsed_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    each_us = cpu_s / PUBLISHES * 1e6
    print(f"  publish, {IN_FLIGHT} at once {PUBLISHES / elapsed_s:8,.0f} /s {each_us:8.1f} us CPU each")


async def measure_receiving(new_bus: NewBus, port: int, sender: Connection) -> None:
    """Print the CPU from the socket to the subscriber: all that this process does.

    The process stands still while the sender publishes, so that messages arrive by the hundred, as under load. What a
    burst of two takes is what a poll, or a read of the socket, costs by itself.
    """
    async with started(new_bus(port)) as counter:
        poll_s = await _burst_s(counter, sender, 1, are_here=True)
        for what, are_here in (("for users here, decoded", True), ("for users elsewhere", False)):
            burst_s = await _burst_s(counter, sender, AT_ONCE, are_here=are_here)
            each_us, more_us = burst_s / AT_ONCE * 1e6, (burst_s - poll_s) / (AT_ONCE - 1) * 1e6
            print(f"  receive {AT_ONCE} at once, {what:24} {each_us:6.1f} us CPU each, one more {more_us:6.1f} us")


async def _burst_s(counter: Counter, sender: Connection, count: int, *, are_here: bool) -> float:
    """Return the CPU of a burst of ``count`` messages, and the last one."""
    cpu_s = time.process_time()
    for _ in range(BURSTS):
        counter.last.clear()
        sender.send((count, are_here))
        sender.recv()
        await counter.last.wait()
    return (time.process_time() - cpu_s) / BURSTS


def measure_looking() -> None:
    """Print what a message costs a node from a poll's bytes to its end, in one process and without a network."""
    key = b"k" * 32
    for what, codec in (("unsigned", BusCodec()), ("signed", BusCodec(key))):
        for where, user_ids in (("here, decoded", HERE), ("elsewhere", ELSEWHERE)):
            envelopes = [
                {
                    "a": "1",
                    "f": 0,
                    "i": "syncd",
                    "p": {"t": str(17_000_000_000_000_000 + number), "r": 1},
                    "k": "sub",
                    "c": channel_of(user_id),
                    "d": msgspec.Raw(codec.encode(user_id, MESSAGE)),
                    "b": "user.*",
                }
                for number, user_id in enumerate(user_ids[:AT_ONCE])
            ]
            body = msgspec.json.encode({"t": {"t": "17000000000000099", "r": 1}, "m": envelopes})
            print(f"  {what}, for a user {where:14} {_looking_us(body, codec):6.2f} us CPU")


def _looking_us(body: bytes, codec: BusCodec) -> float:
    best_s = float("inf")
    for _ in range(ROUNDS):
        ingester = Ingester()
        for user_id in HERE:
            ingester.users.add(user_id)
        ingester.listener = BusListener(
            node="node-b",
            on_message=codec.decode,  # type: ignore[arg-type]  # nobody takes what it returns
            on_gap=print,
            on_subscribed=print,
        )
        cpu_s = time.process_time()
        ingester.ingest(read_poll(body).m)
        best_s = min(best_s, time.process_time() - cpu_s)
    return best_s / AT_ONCE * 1e6


async def _send(new_bus: NewBus, port: int, orders: Connection) -> None:
    bus = new_bus(port)
    async with started(bus):
        while order := await asyncio.to_thread(orders.recv):
            count, are_here = order
            ends_s = time.monotonic() + BURST_S
            await publish(bus, HERE if are_here else ELSEWHERE, count)
            await publish(bus, (LAST,), 1)
            await asyncio.sleep(ends_s - time.monotonic())
            orders.send(None)


def send(new_bus: NewBus, port: int, orders: Connection) -> None:
    """Publish for whom and as often as ``orders`` says, again and again; ``None`` ends it."""
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
            ours.send(None)
            sender.join()
    print("from a poll's bytes to the subscriber")
    measure_looking()


if __name__ == "__main__":
    main()
