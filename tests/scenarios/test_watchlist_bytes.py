"""An app that knows only the documented watchlist is told what it always was, byte for byte.

``watchlist_bytes.txt`` was recorded before there was any other collection. It is compared, and never recorded again.
Since then ``error`` was added to problems, because the documented answers have it.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from storage.databases.database import Database
from storage.journal.journal_store import open_store
from storage.revocations import SqlRevocationStore
from syncd.keys.signing import authenticator
from syncd.listening import bind
from syncd.node import running_node
from syncd.outside import Outside
from syncd.revocations import RevokedTokenIds
from syncd.server import serving
from syncd.settings import Settings
from tests.daemon import SECRET
from tests.fakes.memory_bus import MemoryBus, MemoryHub
from tests.fakes.store_in_process import StoreInProcess
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint

RECORDED: Final = Path(__file__).with_name("watchlist_bytes.txt")
NOW_MS: Final = 1_790_000_000_000
EPOCH: Final = "0123456789abcdef0123456789abcdef"
WATCHLIST: Final = "/api/v1/sync/watchlist"
FILMS: Final = [f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{number}" for number in range(4)]
STAMP: Final = '{"physical":1789999990000,"logical":3,"node":"phone"}'


class Bus(MemoryBus):
    """Keeps what is published."""

    def __init__(self) -> None:
        super().__init__(MemoryHub())
        self.published: list[bytes] = []

    async def publish(self, user_id: str, payload: bytes) -> None:
        self.published.append(user_id.encode() + b" " + payload)


class NodeStore(StoreInProcess):
    """A store as a node owns it."""

    def pids(self) -> dict[str, int]:
        return {}

    def give_up(self) -> None: ...


class Socket:
    """One device's WebSocket, and the messages that came over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def message(self) -> bytes:
        _, length = await self.reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2), "big")
        return await self.reader.readexactly(length)

    def send(self, text: str) -> None:
        payload = text.encode()
        self.writer.write(b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload)


class Conversation:
    """What was said, as the lines of the recording."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lines: list[str] = []
        self._token = mint(SECRET, "ann", "tv", 2_000_000_000)

    def note(self, who: str, said: bytes) -> None:
        text = re.sub(r"\r\ndate: [^\r]*", "\r\ndate: *", said.decode("latin-1"))
        self.lines.append(f"{who} {text!r}")

    async def http(self, method: str, path: str, body: str = "", **headers: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        fields = {"Host": "daemon", "Authorization": f"Bearer {self._token}", "Connection": "close", **headers}
        if body:
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode())
        self.note(f"{method} {path} {body} {headers or ''}>", await reader.read())
        writer.close()
        await writer.wait_closed()

    @asynccontextmanager
    async def socket(self, query: str) -> AsyncIterator[Socket]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(
            f"GET /ws{query} HTTP/1.1\r\nHost: daemon\r\nAuthorization: Bearer {self._token}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        self.note(f"/ws{query}", await reader.readuntil(b"\r\n\r\n"))
        yield Socket(reader, writer)
        writer.close()
        await writer.wait_closed()

    async def hear(self, socket: Socket, count: int) -> None:
        for _ in range(count):
            self.note("socket <", await socket.message())


def open_in_process(url: str) -> NodeStore:
    store = open_store(url, now_ms=lambda: NOW_MS)
    database = Database(url)
    with database.transaction(writing=True) as transaction:
        transaction.connection.execute(f"UPDATE meta SET value = '{EPOCH}' WHERE key = 'epoch'")
    return NodeStore(store, SqlRevocationStore(database, lambda: NOW_MS / 1000), open_store(url, now_ms=lambda: NOW_MS))


@asynccontextmanager
async def served(tmp_path: Path, bus: Bus) -> AsyncIterator[Conversation]:
    """A node whose clocks stand still, and what is said to it."""
    settings = Settings(port=0, data_dir=tmp_path, jwt_secret=SECRET, bus_key="the nodes' key, 32 characters long")
    outside = Outside(
        wall_ns=lambda: NOW_MS * 1_000_000,
        new_name=lambda: "node0001",
        open_store=lambda settings, restarts: open_in_process(settings.journal_url),
    )
    revoked: RevokedTokenIds = {}
    with bind(settings) as listener:
        async with (
            running_node(settings, bus, pytest.fail, outside=outside) as node,
            serving(settings, node, authenticator(settings, revoked), revoked, listener),
        ):
            yield Conversation(listener.getsockname()[1])


async def say_everything(said: Conversation) -> None:
    """Use every documented message and parameter of the watchlist."""
    async with said.socket("?since=0") as live:
        await said.hear(live, 1)
        await said.http("POST", WATCHLIST, f'{{"operation":"add","content_id":"{FILMS[0]}"}}')
        await said.http("POST", WATCHLIST, f'{{"operation":"add","content_id":"{FILMS[0]}","operation_id":"again"}}')
        await said.http("POST", WATCHLIST, f'{{"operation":"add","content_id":"{FILMS[0]}","operation_id":"again"}}')
        await said.hear(live, 2)
        await said.http(
            "POST", WATCHLIST, f'{{"operation":"add","content_id":"{FILMS[1]}","tag":"phone:1","timestamp":{STAMP}}}'
        )
        await said.http(
            "POST", WATCHLIST, f'{{"operation":"remove","content_id":"{FILMS[0]}","observed":2,"list":"x"}}'
        )
        await said.http("POST", WATCHLIST, f'{{"operation":"remove","content_id":"{FILMS[0]}"}}')
        await said.http("POST", WATCHLIST, '{"operation":"add","content_id":"123"}')
        await said.http("POST", WATCHLIST, f'{{"operation":"replace","content_id":"{FILMS[0]}"}}')
        await said.hear(live, 2)
        live.send(f'{{"type":"watchlist_update","operation":"add","content_id":"{FILMS[2]}","timestamp":5,"id":"a1"}}')
        await said.hear(live, 2)
        live.send(f'{{"type":"watchlist_update","operation":"remove","content_id":"{FILMS[3]}","id":2}}')
        live.send('{"type":"watchlist_update","operation":"add","content_id":"x","id":3}')
        live.send('{"type":"ping"}')
        await said.hear(live, 3)
        operations = f'{{"operations":[{{"operation":"add","content_id":"{FILMS[3]}"}},{{"operation":"remove"}}]}}'
        await said.http("POST", "/api/v1/sync/operations", operations)
        await said.hear(live, 1)
    for query in ("", "?limit=1", "?since=0", "?since=3", "?since=3&limit=1", "?since=99", "?since=x", "?limit=0"):
        await said.http("GET", WATCHLIST + query)
    await said.http("GET", WATCHLIST, If_None_Match=f'"{EPOCH}-6"')
    await said.http("GET", "/api/v1/sync/last_activities")
    await said.http("DELETE", WATCHLIST)
    for query, count in (
        ("?since=2", 5),
        ("?since=99", 2),
        ("?since=99&snapshot=pieces", 2),
        (f"?since=6&epoch={EPOCH}", 1),
    ):
        async with said.socket(query) as late:
            await said.hear(late, count)
    async with said.socket("") as silent:
        silent.send(f'{{"type":"watchlist_update","operation":"remove","content_id":"{FILMS[1]}"}}')
        await said.hear(silent, 2)
    await said.http("GET", "/api/v1/sync/stream?since=2&poll=0")


async def test_an_app_of_the_watchlist_alone_sees_no_difference(tmp_path: Path) -> None:
    bus = Bus()
    async with asyncio.timeout(TIMEOUT_S), served(tmp_path, bus) as said:
        await say_everything(said)
    for payload in bus.published:
        said.note("channel", payload)
    assert "\n".join(said.lines) + "\n" == RECORDED.read_text()
