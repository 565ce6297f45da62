"""The asyncio client of syncd: a watchlist that is the same on every device, online or off.

``Client`` is the way in; ``README.md`` shows it at work.
"""

from syncd_client.client import Client
from syncd_client.core import NotSignedInError, State
from syncd_client.event_stream import EventStream
from syncd_client.events import (
    Command,
    Confirmed,
    Connected,
    Disconnected,
    Event,
    Progress,
    Refused,
    Resumed,
    SignedOut,
    Updated,
)
from syncd_client.hlc import Timestamp
from syncd_client.link import GetToken
from syncd_client.list_view import Item
from syncd_client.memory_store import MemoryStore
from syncd_client.outputs import Transport
from syncd_client.sqlite_store import SqliteStore, StoreInUseError
from syncd_client.store import Store

__all__ = [
    "Client",
    "Command",
    "Confirmed",
    "Connected",
    "Disconnected",
    "Event",
    "EventStream",
    "GetToken",
    "Item",
    "MemoryStore",
    "NotSignedInError",
    "Progress",
    "Refused",
    "Resumed",
    "SignedOut",
    "SqliteStore",
    "State",
    "Store",
    "StoreInUseError",
    "Timestamp",
    "Transport",
    "Updated",
]
