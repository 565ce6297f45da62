"""What a device on a stream costs the daemon, beside one on a WebSocket."""

import asyncio
from typing import Final

from typing_extensions import override

from bench.clients.lists import contents, token
from bench.http_client import post_request, send_all
from bench.processes import DAEMON, CpuClock, memory_bytes
from bench.scenario import Figure, Peer, Sample, Scenario, run
from bench.servers import THIS, WATCHLIST, Checkout, MeasurementFailed, Server

DEVICES: Final = 1_000
WRITES: Final = 300
SETTLE_S: Final = 1.0
TIMEOUT_S: Final = 60.0

KB = "daemon memory of a connection, KB"
CPU_US = "daemon CPU of a delivery, µs"

_STREAM: Final = "GET /api/v1/sync/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
_WEBSOCKET: Final = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_UPDATE: Final = b'"watchlist_update"'


class _Tally:
    """How often the devices were shown something."""

    def __init__(self) -> None:
        self.shown = 0
        self.lost = 0
        self.is_complete = asyncio.Event()

    def count(self, shown: int) -> None:
        self.shown += shown
        if self.shown == DEVICES * WRITES:
            self.is_complete.set()


class _Device(asyncio.Protocol):
    """One device: it sends its request, and counts the updates in what comes."""

    def __init__(self, request: bytes, tally: _Tally) -> None:
        self.is_admitted = asyncio.get_running_loop().create_future()
        self._request = request
        self._tally = tally
        self._tail = b""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream's
        self.transport = transport
        transport.write(self._request)

    @override
    def data_received(self, data: bytes) -> None:
        if not self.is_admitted.done():
            self.is_admitted.set_result(data.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")))
        data = self._tail + data
        self._tail = data[1 - len(_UPDATE) :]
        self._tally.count(data.count(_UPDATE))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.lost += 1


def measure_streams(checkout: Checkout) -> Sample:
    """Measure devices on streams."""
    return _measure(checkout, _STREAM)


def measure_websockets() -> Sample:
    """Measure the same devices on WebSockets."""
    return _measure(THIS, _WEBSOCKET)


def _measure(checkout: Checkout, request: str) -> Sample:
    with checkout.daemon("--max-connections-per-user", str(2 * DEVICES)) as server:
        return run(_deliver(server, request))


async def _deliver(server: Server, request: str) -> Sample:
    """Raises: MeasurementFailed, a device was refused, closed, or not shown everything."""
    tally, before = _Tally(), memory_bytes(server.pid)
    devices = [await _connect(server, request.format(token=token(f"d{number}")), tally) for number in range(DEVICES)]
    await asyncio.sleep(SETTLE_S)
    kb = (memory_bytes(server.pid) - before) / DEVICES / 1024
    clock = CpuClock(server.pid)
    bodies = [f'{{"operation":"add","content_id":"{content}"}}'.encode() for content in contents(WRITES)]
    await send_all(server.port, (post_request(WATCHLIST, body, token("writer")) for body in bodies), connections=1)
    async with asyncio.timeout(TIMEOUT_S):
        await tally.is_complete.wait()
    used_s = clock.used_s()[DAEMON]
    if tally.lost:
        raise MeasurementFailed(f"{tally.lost} devices were disconnected")
    for device in devices:
        device.transport.abort()
    return {KB: kb, CPU_US: used_s / (DEVICES * WRITES) * 1e6}


async def _connect(server: Server, request: str, tally: _Tally) -> _Device:
    loop = asyncio.get_running_loop()
    _, device = await loop.create_connection(lambda: _Device(request.encode(), tally), "127.0.0.1", server.port)
    if not await device.is_admitted:
        raise MeasurementFailed("a device was refused")
    return device


SCENARIO = Scenario(
    title=f"{DEVICES:,} devices of one user on streams, {WRITES} writes",
    under_way="1 POST",
    figures=(Figure(CPU_US, digits=1), Figure(KB, digits=1)),
    measure=measure_streams,
    peers=(Peer(name="on WebSockets", measure=measure_websockets),),
)
