"""Load for any fan-out server: one user's message must reach each of that user's devices, each its own WebSocket.

    python -m bench.fanout_load --ws 'ws://127.0.0.1:8083/ws?user={user}' \
        --publish 'http://127.0.0.1:8083/pub?user={user}' --pid PID --users 100 --devices 3 --messages 10000

``{user}`` and ``{device}`` are filled in. A publish is an HTTP POST over a kept-alive connection, or with
``--publish ws`` a text message over the user's first device. Every delivery is counted and its content checked. Prints
one line of JSON: rates, the server's CPU time and memory, latencies.
"""

import argparse
import asyncio
import itertools
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop
from msgspec import Struct
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.http_client import HttpConnection, post_request
from bench.processes import CpuClock, memory_bytes

Report = dict[str, float]
Publish = Callable[[int], Coroutine[None, None, None]]
"""Publish the message with this number."""

CONTENT_ID_START = "0b0e6a4e-52a5-4a5b-9a1f-"
WATCHLIST_ADD = '{{"type":"watchlist_update","operation":"add","content_id":"{cid}"}}'
SETTLE_S = 1.0
TIMEOUT_S = 30.0


class Load(Struct, frozen=True, kw_only=True):
    """What to do to a server."""

    ws: str
    publish: str
    """A URL, or ``ws``."""
    pid: int
    users: int = 100
    devices: int = 3
    messages: int = 5_000
    first: int = 0
    """The number of the first message: beyond all that this server was sent."""
    inflight: int = 32
    """Messages under way: not answered, or over WebSockets, where nothing answers, not delivered to every device."""
    rate: float = 0.0
    """Publishes per second; 0: as fast as ``inflight`` allows."""
    tokens: Mapping[str, str] = {}
    """``user/device`` -> bearer token."""
    body: str = WATCHLIST_ADD
    idle: bool = False
    """Only connect."""

    def token(self, user: int, device: int) -> str | None:
        """Return a device's token, if it has one."""
        return self.tokens.get(f"u{user}/d{device}")


class Deliveries:
    """Counts what arrives; of messages whose publishing was noted, also how long that took, in seconds."""

    def __init__(self, devices: int) -> None:
        self.count = 0
        self.latest = b""
        self.disconnected = 0
        self.each_s: list[float] = []
        self.last_s: list[float] = []
        """To the last device of the message's user."""
        self._devices = devices
        self._under_way: dict[bytes, tuple[float, list[float]]] = {}
        self._number_in = re.compile(CONTENT_ID_START.encode() + b"([0-9a-f]{12})").search
        self._wanted = -1
        self._is_reached = asyncio.Event()

    def published(self, number: int) -> None:
        """Note that this message is published now."""
        self._under_way[b"%012x" % number] = time.perf_counter(), []

    def received(self, payload: bytes) -> None:
        """Take what a device received; anything but a message is ignored."""
        found = self._number_in(payload)
        if found is None:
            return
        self.count += 1
        self.latest = payload
        if noted := self._under_way.get(found[1]):
            published_s, latencies_s = noted
            latencies_s.append(time.perf_counter() - published_s)
            if len(latencies_s) == self._devices:
                self.each_s += latencies_s
                self.last_s.append(latencies_s[-1])
                del self._under_way[found[1]]
        if self.count == self._wanted:
            self._is_reached.set()

    async def reach(self, wanted: int, timeout_s: float) -> None:
        """Return when so many deliveries have come, or it has taken too long."""
        self._wanted = wanted
        if self.count < wanted:
            self._is_reached.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_reached.wait(), timeout_s)


class Device(WSListener):
    """One WebSocket."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Called for every frame."""
        if frame.msg_type == WSMsgType.TEXT:
            self._deliveries.received(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called at the end."""
        self._deliveries.disconnected += 1


async def measure(load: Load) -> Report:
    """Connect, publish, and return the figures. Raises: OSError, picows.WSError: a device was not let in."""
    deliveries = Deliveries(load.devices)
    connections = load.users * load.devices
    memory, clock = memory_bytes(load.pid), CpuClock(load.pid)
    client_s, began_s = time.process_time(), time.perf_counter()
    transports = await _connect(load, deliveries)
    elapsed_s, client_s, cpu_s = time.perf_counter() - began_s, time.process_time() - client_s, clock.total_s()
    await asyncio.sleep(SETTLE_S)
    report: Report = {
        "connections": connections,
        "kb_per_connection": round((memory_bytes(load.pid) - memory) / connections / 1024, 2),
        "connected_s": round(elapsed_s, 3),
        "handshakes_per_s": round(connections / elapsed_s),
        "server_cpu_us_per_handshake": round(cpu_s / connections * 1e6, 1),
        "client_cpu_share_of_handshakes": round(client_s / elapsed_s, 3),
    }
    if not load.idle:
        heads = [transports[user, 0] for user in range(load.users)]
        report |= await _publish_all(load, deliveries, heads)
    for transport in transports.values():
        transport.disconnect(graceful=False)
    return report


async def _connect(load: Load, deliveries: Deliveries) -> dict[tuple[int, int], WSTransport]:
    """Connect every device, 32 handshakes at once; return them by user and device."""
    transports: dict[tuple[int, int], WSTransport] = {}
    names = itertools.product(range(load.users), range(load.devices))

    async def work() -> None:
        for user, device in names:
            token = load.token(user, device)
            transports[user, device], _ = await ws_connect(
                lambda: Device(deliveries),
                load.ws.format(user=f"u{user}", device=f"d{device}"),
                extra_headers={"Authorization": f"Bearer {token}"} if token else None,
                websocket_handshake_timeout=TIMEOUT_S,
                read_buffer_init_size=4096,
            )

    await asyncio.gather(*(work() for _ in range(32)))
    return transports


async def _publish_all(load: Load, deliveries: Deliveries, heads: list[WSTransport]) -> Report:
    failures = itertools.count()
    expected = load.messages * load.devices
    async with _over_websockets(load, heads) if load.publish == "ws" else _over_http(load, failures) as publish:
        clock, client_s, began_s = CpuClock(load.pid), time.process_time(), time.perf_counter()
        if load.rate:
            await _publish_paced(load, deliveries, publish)
        else:
            await _publish_saturating(load, deliveries, publish)
        await deliveries.reach(expected, TIMEOUT_S)
        elapsed_s, used_s = time.perf_counter() - began_s, clock.used_s()
    delivered, cpu_s = max(deliveries.count, 1), sum(used_s.values())
    report: Report = {
        "published": load.messages,
        "delivered": deliveries.count,
        "expected": expected,
        "failed_publishes": next(failures),
        "disconnected": deliveries.disconnected,
        "bytes_per_delivery": len(deliveries.latest),
        "deliveries_per_s": round(deliveries.count / elapsed_s),
        "publishes_per_s": round(load.messages / elapsed_s),
        "server_cpu_us_per_delivery": round(cpu_s / delivered * 1e6, 3),
        "server_cpu_share": round(cpu_s / elapsed_s, 3),
        "client_cpu_share": round((time.process_time() - client_s) / elapsed_s, 3),
    }
    report |= {f"{name}_cpu_us_per_delivery": round(cpu / delivered * 1e6, 3) for name, cpu in used_s.items()}
    for prefix, latencies_s in (("", deliveries.each_s), ("last_", deliveries.last_s)):
        if latencies_s:
            report[f"{prefix}p50_ms"] = percentile_ms(latencies_s, 0.5)
            report[f"{prefix}p99_ms"] = percentile_ms(latencies_s, 0.99)
    return report


async def _publish_paced(load: Load, deliveries: Deliveries, publish: Publish) -> None:
    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as publishing:
        for number in range(load.messages):
            delay_s = began_s + number / load.rate - time.perf_counter()
            if delay_s > 0:
                await asyncio.sleep(delay_s)
            deliveries.published(load.first + number)
            publishing.create_task(publish(number))


async def _publish_saturating(load: Load, deliveries: Deliveries, publish: Publish) -> None:
    if load.publish == "ws":  # nothing answers, so the bound is what has not been delivered yet
        bound = (load.inflight - 1) * load.devices
        for number in range(load.messages):
            await publish(number)
            await deliveries.reach((number + 1) * load.devices - bound, TIMEOUT_S)
        return
    numbers = iter(range(load.messages))

    async def work() -> None:
        for number in numbers:
            await publish(number)

    await asyncio.gather(*(work() for _ in range(load.inflight)))


def message(load: Load, number: int) -> bytes:
    """Return what is published as the message with this number."""
    return load.body.format(cid=f"{CONTENT_ID_START}{load.first + number:012x}").encode()


@asynccontextmanager
async def _over_websockets(load: Load, heads: list[WSTransport]) -> AsyncIterator[Publish]:
    async def publish(number: int) -> None:
        heads[number % load.users].send(WSMsgType.TEXT, message(load, number))

    yield publish


@asynccontextmanager
async def _over_http(load: Load, failures: "itertools.count[int]") -> AsyncIterator[Publish]:
    url = urlsplit(load.publish)
    path = f"{url.path}?{url.query}" if url.query else url.path
    idle: asyncio.Queue[HttpConnection] = asyncio.Queue()
    open_connection = partial(HttpConnection.open, url.port or 80, url.hostname or "127.0.0.1")
    for _ in range(load.inflight):
        idle.put_nowait(await open_connection())

    async def publish(number: int) -> None:
        user = number % load.users
        request = post_request(path.format(user=f"u{user}"), message(load, number), load.token(user, 0))
        connection = await idle.get()
        if connection.is_closed:
            connection = await open_connection()
        answer = await connection.exchange(request)
        idle.put_nowait(connection)
        if answer.status >= 300:
            next(failures)

    yield publish
    while not idle.empty():
        idle.get_nowait().close()


def percentile_ms(latencies_s: Iterable[float], share: float) -> float:
    """Return the latency that ``share`` of all stay below, in milliseconds."""
    ordered = sorted(latencies_s)
    return round(ordered[int(len(ordered) * share)] * 1e3, 2)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ws", required=True)
    parser.add_argument("--publish", required=True)
    parser.add_argument("--pid", type=int, required=True, help="the server's process")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--devices", type=int, default=3, help="of each user")
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--inflight", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.0, help="publishes per second; 0: as fast as inflight allows")
    parser.add_argument("--token-cmd", default="", help="shell template that prints a token, {user} {device}")
    parser.add_argument("--tokens", type=Path, help="JSON file {'user/device': token}")
    parser.add_argument("--body", default=WATCHLIST_ADD, help="of a publish, {cid}; literal braces are doubled")
    parser.add_argument("--idle", action="store_true", help="only connect and report memory per connection")
    flags = vars(parser.parse_args())
    command, file = flags.pop("token_cmd"), flags.pop("tokens")
    load = msgspec.convert(flags, Load)
    if command:
        tokens = _tokens_of(command, load)
    elif file:
        tokens = json.loads(file.read_text())
    else:
        tokens = {}
    print(json.dumps(uvloop.run(measure(msgspec.structs.replace(load, tokens=tokens)))))


def _tokens_of(command: str, load: Load) -> dict[str, str]:
    tokens = {}
    for user, device in itertools.product(range(load.users), range(load.devices)):
        line = command.format(user=f"u{user}", device=f"d{device}")
        tokens[f"u{user}/d{device}"] = subprocess.check_output(line, shell=True, text=True).strip()
    return tokens


if __name__ == "__main__":
    main()
