"""A service on a link that breaks again and again while a long list comes in pieces: for the tests of both clients.

``python tests/fakes/breaking_service.py`` prints its address, then a line for each connection: what was asked for.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

ITEMS: Final = 10_000
PIECE_ITEMS: Final = 500
PIECES_EACH: Final = 3
"""How many pieces pass on each connection, before it breaks in the middle of the next one."""
REVISION: Final = 20_000
EPOCH: Final = "e1"
CHANGES_AT_CONNECTION: Final = 4
"""At which connection the list is another one by then, and begins again."""


def content(number: int) -> str:
    return f"0b0e6a4e-52a5-4a5b-9a1f-{number:012}"


UNWANTED: Final = content(999_999)
"""There is no room for this one."""


class BreakingService:
    """Serves one list of ``ITEMS`` contents, of which 0 is the newest.

    It has no room for the adds of the first replica that it hears of, nor for ``UNWANTED``.
    """

    def __init__(self, on_connection: Callable[[str], None]) -> None:
        self._on_connection = on_connection
        self._connections = 0
        self._revision = REVISION
        self._full_replica: str | None = None
        self.pieces_sent = 0
        """Those that passed whole."""
        self.writes: list[dict[str, Any]] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        async with serve(self._talk, "127.0.0.1", 0, select_subprotocol=_subprotocol) as server:
            _, port = server.sockets[0].getsockname()
            self.url = f"ws://127.0.0.1:{port}"
            yield self

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        target = connection.request.path
        self._on_connection(target)
        self._connections += 1
        if self._connections == CHANGES_AT_CONNECTION:
            self._revision += 1
        if not await self._send_list(connection, dict(parse_qsl(urlsplit(target).query))):
            connection.transport.close()
            return
        async for text in connection:
            await self._answer(connection, json.loads(text))

    async def _send_list(self, connection: ServerConnection, query: dict[str, str]) -> bool:
        """Send what is left of the list, and a change behind it; ``False``: the link broke before that was done."""
        assert query["snapshot"] == "pieces"
        resumed = {"type": "resumed", "revision": self._revision, "epoch": EPOCH}
        await _say(connection, **resumed, recovered=False, reason="history_pruned")
        revision, _, offset = query.get("snapshot_cursor", "").partition("/")
        start = int(offset) if revision == str(self._revision) else 0
        for count, first in enumerate(range(start, ITEMS, PIECE_ITEMS)):
            piece = self._piece(first)
            if count == PIECES_EACH:
                await (
                    await connection.ping()
                )  # what was sent has come: not every client sees what came before a break
                message = Frame(Opcode.TEXT, json.dumps(piece).encode()).serialize(mask=False)
                connection.transport.write(message[: len(message) // 2])
                return False
            await _say(connection, **piece)
            self.pieces_sent += 1
        await self._change(connection, "remove", content(0))
        return True

    def _piece(self, first: int) -> dict[str, Any]:
        after = first + PIECE_ITEMS
        items = [
            {
                "content_id": content(number),
                "unique_tag": f"syncd:{number}",
                "timestamp": _stamp(-number),
                "device_id": "tv",
            }
            for number in range(first, after)
        ]
        piece = {"type": "watchlist_snapshot_piece", "revision": self._revision, "epoch": EPOCH, "items": items}
        if first == 0:
            piece["start"] = True
        if after < ITEMS:
            piece["next"] = f"{self._revision}/{after}"
        return piece

    async def _answer(self, connection: ServerConnection, write: dict[str, Any]) -> None:
        self.writes.append(write)
        replica = write["tag"].partition(":")[0]
        self._full_replica = self._full_replica or replica
        no_room = {"type": "error", "id": write["id"], "code": "quota_exceeded", "message": "no room"}
        if replica == self._full_replica:
            await _say(connection, **no_room, field="tag")
        elif write["content_id"] == UNWANTED:
            await _say(connection, **no_room, field="content_id")
        else:
            await self._change(connection, "add", write["content_id"], write["timestamp"])
            await _say(connection, type="ack", id=write["id"], status="added", revision=self._revision)

    async def _change(
        self, connection: ServerConnection, action: str, content_id: str, stamp: dict[str, Any] | None = None
    ) -> None:
        self._revision += 1
        change = {"action": action, "content_id": content_id, "revision": self._revision, "device_id": "tv"}
        await _say(connection, type="watchlist_update", **change, timestamp=stamp or _stamp(1))


def _subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Answer those who offer some, browsers, with ours; the others carry their token in a header."""
    return Subprotocol("syncd.v1") if offered else None


def _stamp(offset_ms: int) -> dict[str, Any]:
    return {"physical": 1_700_000_000_000 + offset_ms, "logical": 0, "node": "service"}


async def _say(connection: ServerConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    async with BreakingService(_print).running() as service:
        _print(service.url)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
