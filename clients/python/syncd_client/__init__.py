"""The asyncio client of syncd: a watchlist that is the same on every device, online or off.

``Client`` is the way in; ``README.md`` shows it at work.
"""

from syncd_client.callbacks import GetToken, Listener
from syncd_client.client import Client
from syncd_client.core.core import NotSignedInError, State
from syncd_client.core.events import (
    Command,
    Confirmed,
    Connected,
    Disconnected,
    Event,
    Progress,
    Refused,
    Resumed,
    SignedOut,
    StateChanged,
    Storage,
    Updated,
)
from syncd_client.core.outputs import Transport
from syncd_client.data.device_registers import DeviceItem
from syncd_client.data.fractional_index import between
from syncd_client.data.hlc import Timestamp
from syncd_client.data.list_view import Item
from syncd_client.data.messages import ListName
from syncd_client.data.progress_registers import ProgressItem
from syncd_client.data.user_state import Changes, ConfirmedItem, Head, ListHead, PendingWrite, StorageKind, UserState
from syncd_client.event_stream import EventStream
from syncd_client.operation import Operation
from syncd_client.stores.memory_store import MemoryStore
from syncd_client.stores.sqlite_store import SqliteStore
from syncd_client.stores.store import Store, StoreInUseError
from syncd_client.transport.catalogue import NamedList
from syncd_client.transport.requests import RequestFailedError
from syncd_client.user_catalogue import UserCatalogue
from syncd_client.user_devices import UserDevices
from syncd_client.user_list import UserList
from syncd_client.user_progress import UserProgress

__all__ = [
    "Changes",
    "Client",
    "Command",
    "Confirmed",
    "ConfirmedItem",
    "Connected",
    "DeviceItem",
    "Disconnected",
    "Event",
    "EventStream",
    "GetToken",
    "Head",
    "Item",
    "ListHead",
    "ListName",
    "Listener",
    "MemoryStore",
    "NamedList",
    "NotSignedInError",
    "Operation",
    "PendingWrite",
    "Progress",
    "ProgressItem",
    "Refused",
    "RequestFailedError",
    "Resumed",
    "SignedOut",
    "SqliteStore",
    "State",
    "StateChanged",
    "Storage",
    "StorageKind",
    "Store",
    "StoreInUseError",
    "Timestamp",
    "Transport",
    "Updated",
    "UserCatalogue",
    "UserDevices",
    "UserList",
    "UserProgress",
    "UserState",
    "between",
]
