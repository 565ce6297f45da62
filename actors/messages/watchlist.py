"""What a user's ``WatchlistSync`` is told."""

from msgspec import Struct

from actors.messages.channel import HeadMoved, PubNubWatchlistUpdate
from actors.messages.connection import ConsumerResumed, Join, Leave, ReadOn, SlowConsumer
from actors.messages.journal import (
    Changes,
    ChangesExpired,
    Committed,
    DeviceWrite,
    HeadsLoaded,
    PageExpired,
    ReadFailed,
    SnapshotPage,
)


class RemoteUpdate(Struct, frozen=True):
    """Another node committed ``message``; it carries its revision."""

    message: PubNubWatchlistUpdate


class MissedRead(Struct, frozen=True, eq=False):
    """The journal's answer to what connections have missed."""

    answer: Changes | ChangesExpired | ReadFailed


class ListRead(Struct, frozen=True, eq=False):
    """The journal's answer to what the list is, a page of it."""

    answer: SnapshotPage | PageExpired | ReadFailed


class RetireIfIdle(Struct, frozen=True):
    """Stop, unless somebody is connected or waits for an answer."""


class TryAgain(Struct, frozen=True):
    """The journal could not be read; some time has passed."""


WatchlistMessage = (
    DeviceWrite | Join | ReadOn | Leave | SlowConsumer | ConsumerResumed | RemoteUpdate | HeadMoved | MissedRead
    | ListRead | RetireIfIdle | TryAgain | Committed | HeadsLoaded | Changes | ChangesExpired | ReadFailed
)  # fmt: skip
