"""What devices that stop reading cost the others: the same load with a thousand of them, and without."""

import json
import socket
import time
import urllib.request
from contextlib import ExitStack
from uuid import uuid4

from bench import servers
from bench.fanout_load import Report
from bench.metrics import metric
from bench.scenario import LOAD_SHARE, Figure, Sample, Scenario, Target
from bench.servers import BULK, Checkout, MeasurementFailed, Server
from bench.write_load import UNDER_WAY, measure_writes, tokens_of

USERS = 4
DEVICES = 3
SLOW = 1_000
ITEMS = 500
"""Of each user before it begins: their replay is more than the network takes for a device that does not read."""
HEARTBEAT = ("--heartbeat-interval", "4", "--heartbeat-timeout", "20")
"""A device that takes nothing of its replay is closed after half of the time-out: 30 s by default, here 10."""
WRITES_PER_S = 200
SECONDS = 4
"""Of each load; all the devices that do not read are there until its end."""
CLOSED_WITHIN_S = 20
WRITER = "w" * 128
"""A long device id makes long messages."""

P99 = "p99 of the devices that read, ms"
P99_ALONE = "p99 without the others, ms"
RATIO = "p99 by p99 without the others"
CLOSED = "closed with 4002"


def measure_daemon(checkout: Checkout) -> Sample:
    """Measure from the sending of each POST to the arrival of its frame, at every device that reads."""
    alone = _load(checkout, slow=0)
    beside = _load(checkout, slow=SLOW)
    return {
        P99: beside["p99_ms"],
        P99_ALONE: alone["p99_ms"],
        RATIO: beside["p99_ms"] / alone["p99_ms"],
        CLOSED: beside["closed"],
        LOAD_SHARE: beside["client_cpu_share"],
    }


def _load(checkout: Checkout, slow: int) -> Report:
    writers = {f"u{user}/d0": servers.token(f"u{user}", WRITER) for user in range(USERS)}
    tokens = tokens_of(USERS, DEVICES) | writers
    with checkout.daemon(*HEARTBEAT) as server, ExitStack() as stack:
        for user in range(USERS):
            _add_items(server, tokens[f"u{user}/d0"])
        for number in range(slow):
            stack.enter_context(_slow_device(server, servers.token(f"u{number % USERS}", f"slow-{number}")))
        report = measure_writes(
            server, users=USERS, devices=DEVICES, messages=WRITES_PER_S * SECONDS, rate=WRITES_PER_S, tokens=tokens
        )
        if early := _closed(server):
            raise MeasurementFailed(f"{early:,.0f} devices that do not read were closed before the end of the load")
        ends_s = time.monotonic() + CLOSED_WITHIN_S
        while (closed := _closed(server)) < slow and time.monotonic() < ends_s:
            time.sleep(0.1)
    return report | {"closed": closed}


def _closed(server: Server) -> float:
    return metric(server, 'syncd_connections_closed_total{code="4002"}')


def _add_items(server: Server, token: str) -> None:
    items = [{"operation": "add", "content_id": str(uuid4())} for _ in range(ITEMS)]
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{BULK}",
        json.dumps({"operations": items}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def _slow_device(server: Server, token: str) -> socket.socket:
    """Return a WebSocket that has asked for everything and is not read any more once it comes."""
    device = socket.socket()
    device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    device.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)  # of a real network, not the loopback's
    device.connect(("127.0.0.1", server.port))
    device.sendall(
        b"GET /ws?since=0 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Authorization: Bearer %b\r\n\r\n" % token.encode()
    )
    received = b""
    while b'"resumed"' not in received:
        if not (chunk := device.recv(1024)):
            raise MeasurementFailed("a device was not let in")
        received += chunk
    return device


SCENARIO = Scenario(
    title=f"{WRITES_PER_S} writes/s, {USERS * DEVICES} devices that read, {SLOW:,} that do not",
    under_way=f"what the rate makes, {UNDER_WAY} POSTs at most",
    figures=(
        Figure(P99, digits=2, load=LOAD_SHARE),
        Figure(P99_ALONE, digits=2, load=LOAD_SHARE),
        Figure(RATIO, (Target("≤", 1.25),), digits=2, load=LOAD_SHARE),
        Figure(LOAD_SHARE, digits=2),
        Figure(CLOSED, (Target("≥", SLOW),)),
    ),
    measure=measure_daemon,
)
