"""``python -m bench.hostile``: what attackers cost well-behaved users (docs/security.md has the figures).

An attacker uses CPU wherever its attack goes. So two daemons run, and the users of one are timed while the attack goes
to the other ("beside"), and while it goes to theirs: the ratio of these two is what the attack does to the daemon. Then
its memory: its growth by the first attack, and by all later ones.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import Final, NamedTuple
from urllib.request import Request, urlopen
from uuid import UUID

from bench import servers
from bench.processes import memory_bytes
from bench.servers import BULK, WATCHLIST, MeasurementFailed, Server
from bench.write_load import measure_writes
from syncd.process.open_files import raise_file_limit

USERS: Final = 50
DEVICES: Final = 3
WRITES_PER_S: Final = 200
SECONDS: Final = 4
ROUNDS: Final = 3
HALF_OPEN: Final = 10_000
ITEMS: Final = 10_000
ITEMS_PER_POST: Final = 500
UNREAD_DEVICES: Final = 100
TOKEN: Final = "SYNCD_TOKEN"

_HANDSHAKE: Final = (
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
)
_POST: Final = "POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
_MASK: Final = bytes(4)


class Felt(NamedTuple):
    """What well-behaved users notice: from a write to their last device, and until all are connected."""

    p99_ms: float
    connected_s: float


Attack = Callable[[int, str], Awaitable[None]]
"""Called with the port and a valid token; prints a line when it has begun, and runs for ever."""


async def nothing(_port: int, _token: str) -> None:
    """No attack: what the figures are worth."""
    _begun()
    await asyncio.Event().wait()


async def half_open(port: int, _token: str) -> None:
    """10,000 connections with half a handshake: 1,000 new ones a second, and nobody waits longer than 10 s for one."""
    writers: list[asyncio.StreamWriter] = []
    began_s = time.perf_counter()
    for number in range(10**9):
        source = f"127.0.0.{2 + number % 100}", 0  # one address has too few ports
        _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
        writer.write(b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgr")
        writers.append(writer)
        if number == HALF_OPEN:
            _begun()
        if number >= HALF_OPEN:
            writers[number - HALF_OPEN].close()
        await asyncio.sleep(began_s + 10 * number / HALF_OPEN - time.perf_counter())


async def slow_bodies(port: int, token: str) -> None:
    """A thousand bodies that come a byte a second."""

    async def drip(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(_POST.format(path=WATCHLIST, token=token).encode())
                while not writer.is_closing():
                    writer.write(b"1\r\n{\r\n")
                    await asyncio.sleep(1)

    tasks = [asyncio.create_task(drip(number / 1000)) for number in range(1000)]
    _begun()
    await asyncio.gather(*tasks)


async def header_floods(port: int, _token: str) -> None:
    """Requests of 200,000 bytes of headers, 100 a second."""
    await _repeat(port, b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a: b\r\n" * 33_000, 100)


async def pipelines(port: int, _token: str) -> None:
    """Requests that come 10,000 at once on one connection, 20 times a second."""
    await _repeat(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 10_000, 20)


async def endless_trailers(port: int, token: str) -> None:
    """Bodies with 20,000 trailers, 50 a second."""
    await _repeat(port, _POST.format(path=WATCHLIST, token=token).encode() + b"0\r\n" + b"a: b\r\n" * 20_000, 50)


async def unread_answers(port: int, _token: str) -> None:
    """A thousand connections that ask for the largest public document 60 times at once, and read nothing."""
    clients = [_unreading_client(port) for _ in range(1000)]
    for client in clients:
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n" * 60)
        await asyncio.sleep(0.002)
    _begun()
    await asyncio.Event().wait()


async def unread_lists(port: int, token: str) -> None:
    """A hundred devices of one user that ask for its 10,000 items, or for all changes, and read nothing."""
    for first in range(0, ITEMS, ITEMS_PER_POST):
        numbers = range(first, first + ITEMS_PER_POST)
        operations = [{"operation": "add", "content_id": str(UUID(int=number))} for number in numbers]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps({"operations": operations}).encode()
        urlopen(Request(f"http://127.0.0.1:{port}{BULK}", body, headers)).close()  # noqa: ASYNC210 - nothing else to do
    clients = [_unreading_client(port) for _ in range(UNREAD_DEVICES)]
    for number, client in enumerate(clients):
        query = ("?since=0", "?since=99999999", "?since=99999999&snapshot=pieces")[number % 3]
        client.sendall(_HANDSHAKE.format(token=token).replace("/ws", f"/ws{query}").encode())
        await asyncio.sleep(0.002)
    _begun()
    await asyncio.Event().wait()


def _unreading_client(port: int) -> socket.socket:
    """Return a connection for which the kernel takes as little as on a network: on the loopback it takes megabytes."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
    client.connect(("127.0.0.1", port))
    return client


async def bad_tokens(port: int, token: str) -> None:
    """Handshakes with forged tokens, each another, 300 a second."""
    await _repeat(port, _HANDSHAKE.format(token=token[:-8] + "{number:08d}").encode(), 300)


async def tiny_messages(port: int, token: str) -> None:
    """Twenty devices that each send 10,000 messages at once, five times a second."""
    await _devices(port, token, b"", (b"\x81\x82" + _MASK + b"{}") * 10_000)


async def empty_fragments(port: int, token: str) -> None:
    """Twenty devices that each send 1,600 fragments of nothing at once, five times a second."""
    await _devices(port, token, b"\x01\x80" + _MASK, (b"\x00\x80" + _MASK) * 1600)


async def small_fragments(port: int, token: str) -> None:
    """Twenty devices that keep just below what ends a connection: 400 fragments of a byte, five times a second."""
    await _devices(
        port, token, b"", b"\x01\x81" + _MASK + b"x" + (b"\x00\x81" + _MASK + b"x") * 398 + b"\x80\x80" + _MASK
    )


async def unread_pings(port: int, token: str) -> None:
    """Twenty devices that each send 80 large pings five times a second and read no pong."""
    await _devices(port, token, b"", (b"\x89\xfd" + _MASK + b"x" * 125) * 80)


async def compressed_frames(port: int, token: str) -> None:
    """Handshakes followed by a compressed frame that nobody agreed to, 100 a second."""
    bomb = b"\xc1\xfe\x20\x00" + _MASK + bytes(8192)
    await _repeat(port, _HANDSHAKE.format(token=token).encode(), 100, bomb)


async def _repeat(port: int, sent: bytes, per_s: int, later: bytes = b"") -> None:
    async def once(number: int) -> None:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent.replace(b"{number:08d}", b"%08d" % number))
            await reader.read(65536)
            if later:
                writer.write(later)
                await reader.read()
            writer.close()

    _begun()
    began_s, tasks = time.perf_counter(), set[asyncio.Task[None]]()
    for number in range(10**9):
        task = asyncio.create_task(once(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(began_s + number / per_s - time.perf_counter())


async def _devices(port: int, token: str, first: bytes, again: bytes) -> None:
    async def device() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
                writer.write(_HANDSHAKE.format(token=token).encode())
                await reader.readuntil(b"\r\n\r\n")
                writer.write(first)
                while not (writer.is_closing() or reader.at_eof()):
                    writer.write(again)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(writer.drain(), 1)
                    await asyncio.sleep(0.2)
                writer.close()
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(device()) for _ in range(20)]
    _begun()
    await asyncio.gather(*tasks)


def _begun() -> None:
    print("begun", flush=True)


ATTACKS: Final[dict[str, Attack]] = {
    attack.__name__.replace("_", "-"): attack
    for attack in (
        *(nothing, half_open, slow_bodies, header_floods, pipelines, endless_trailers, unread_answers, unread_lists),
        *(bad_tokens, tiny_messages, empty_fragments, small_fragments, unread_pings, compressed_frames),
    )
}


def main() -> int:
    """Measure every attack, or be one."""
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ATTACKS, metavar="NAME", help="%(choices)s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="medians of so many (default: %(default)s)")
    parser.add_argument("--attack", choices=ATTACKS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    raise_file_limit()
    if arguments.attack:
        asyncio.run(_run_attack(ATTACKS[arguments.attack], arguments.port))
    heads = [
        *("attack", "", "p99 beside it, ms", "p99 attacked, ms", "ratio"),
        *(f"{USERS * DEVICES} connect beside it, s", "attacked, s", "memory, MiB", "later, MiB"),
    ]
    print(f"| {' | '.join(heads)} |\n|---|---|{'--:|' * (len(heads) - 2)}", flush=True)
    for name in arguments.only or ATTACKS:
        what = (ATTACKS[name].__doc__ or "").partition("\n")[0].rstrip(".")
        print(f"| `{name}` | {what} | {_row(name, arguments.rounds)} |", flush=True)
    return 0


def _row(name: str, rounds: int) -> str:
    beside, attacked, memory = list[Felt](), list[Felt](), list[int]()
    with servers.THIS.daemon() as ours, servers.THIS.daemon() as other:
        for _ in range(rounds):
            with _attack(name, other.port):
                beside.append(_felt_by_users(ours))
            memory = memory or [memory_bytes(ours.pid)]
            with _attack(name, ours.port):
                attacked.append(_felt_by_users(ours))
                memory.append(memory_bytes(ours.pid))
    p99s = [median(felt.p99_ms for felt in of_all) for of_all in (beside, attacked)]
    waits = [median(felt.connected_s for felt in of_all) for of_all in (beside, attacked)]
    first, later = ((after - before) / 2**20 for before, after in ((memory[0], memory[1]), (memory[1], memory[-1])))
    latencies = f"{p99s[0]:.1f} | {p99s[1]:.1f} | {p99s[1] / p99s[0]:.2f}"
    return f"{latencies} | {waits[0]:.1f} | {waits[1]:.1f} | {first:+.1f} | {later:+.1f}"


async def _run_attack(attack: Attack, port: int) -> None:
    await attack(port, os.environ[TOKEN])


@contextmanager
def _attack(name: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.hostile", "--attack", name, "--port", str(port)]
    environment = os.environ | {TOKEN: servers.token("attacker", "a")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as attacker:
        try:
            assert attacker.stdout is not None
            if not attacker.stdout.readline():
                raise MeasurementFailed(f"the attack {name} did not begin")
            yield
            if attacker.poll() is not None:
                raise MeasurementFailed(f"the attack {name} ended early")
        finally:
            attacker.kill()


def _felt_by_users(server: Server) -> Felt:
    found = measure_writes(server, users=USERS, devices=DEVICES, messages=WRITES_PER_S * SECONDS, rate=WRITES_PER_S)
    return Felt(found["last_p99_ms"], found["connected_s"])


if __name__ == "__main__":
    sys.exit(main())
