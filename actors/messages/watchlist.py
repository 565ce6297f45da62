"""What a user's ``WatchlistSync`` is told."""

from msgspec import Struct

from actors.messages.channel import HeadMoved, PubNubUpdate
from actors.messages.collections import DEVICES, LISTS, WATCHLIST
from actors.messages.connection import ConsumerResumed, Join, Leave, ReadOn, SlowConsumer
from actors.messages.devices import Devices, DeviceSeen
from actors.messages.failures import ReadFailed
from actors.messages.journal import Committed, DeviceWrite
from actors.messages.journal_reads import Changes, ChangesExpired, HeadsLoaded, PageExpired, SnapshotPage
from actors.messages.lists import Lists


class RemoteUpdate(Struct, frozen=True):
    """Another node committed ``message``; it carries its revision."""

    message: PubNubUpdate


class MissedRead(Struct, frozen=True, eq=False):
    """The journal's answer to what connections have missed."""

    answer: Changes | ChangesExpired | ReadFailed
    collection: str = WATCHLIST


class GapRead(Struct, frozen=True, eq=False):
    """The journal's answer to what has not passed here."""

    answer: Changes | ChangesExpired | ReadFailed
    collection: str = WATCHLIST


class ListRead(Struct, frozen=True, eq=False):
    """The journal's answer to what the list is, a page of it."""

    answer: SnapshotPage | PageExpired | ReadFailed
    collection: str = WATCHLIST


class DevicesSeen(Struct, frozen=True):
    """Devices of the user have come online, or gone offline."""

    devices: tuple[DeviceSeen, ...]
    collection: str = DEVICES


class ListsChanged(Struct, frozen=True):
    """A list of the user was made, named or deleted."""

    collection: str = LISTS


class HintsRead(Struct, frozen=True, eq=False):
    """The journal's answer to which devices there are, and where; or to which lists there are."""

    answer: Devices | Lists | ReadFailed
    collection: str


class RetireIfIdle(Struct, frozen=True):
    """Stop, unless somebody is connected or waits for an answer."""


class TryAgain(Struct, frozen=True):
    """The journal could not say what is missing; some time has passed."""

    collection: str = WATCHLIST


class LoadHeadsAgain(Struct, frozen=True):
    """The journal could not say where collections stand; some time has passed."""


OfCollection = (
    DeviceWrite | Committed | Join | ReadOn | RemoteUpdate | HeadMoved | MissedRead | GapRead | ListRead | DevicesSeen
    | ListsChanged | HintsRead
)  # fmt: skip
"""What waits until it is known where its collection stands."""
WatchlistMessage = (
    OfCollection | Leave | SlowConsumer | ConsumerResumed | RetireIfIdle | TryAgain | LoadHeadsAgain | HeadsLoaded
)  # fmt: skip
