"""A user's connections, as the registry and the watchlists see them."""

from typing import Any

import msgspec

from actors.messages.connection import ConnectionInfo
from actors.messages.device import DeviceReply
from actors.messages.journal_reads import Bookmark
from actors.messages.sync import SyncMessage


class Devices:
    """Connections that record what they are told; counts how often a message is encoded or framed."""

    def __init__(self) -> None:
        self.told: dict[str, list[Any]] = {}
        self.encoded = 0

    def connection(
        self, connection_id: str, user_id: str = "ann", device_id: str = "tv", *, takes_pieces: bool = False
    ) -> ConnectionInfo:
        self.told[connection_id] = []
        tell = self.told[connection_id].append
        return ConnectionInfo(connection_id, user_id, device_id, tell, takes_pieces=takes_pieces)

    def frame(self, payload: bytes) -> bytes:
        self.encoded += 1
        return payload

    def fragments(self, payload: bytes, *, opens: bool, closes: bool) -> tuple[bytes, ...]:
        self.encoded += 1
        return (payload,)

    def cursor_of(self, bookmark: Bookmark) -> str:
        return f"behind {bookmark.added_revision}"

    def encode(self, message: SyncMessage | DeviceReply) -> bytes:
        self.encoded += 1
        return msgspec.json.encode(message)
