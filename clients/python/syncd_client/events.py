"""What the app is told. ``type`` is the event's name in every client."""

from msgspec import Struct

from syncd_client.messages import Action
from syncd_client.store import StorageKind


class Event(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    """Base of all events."""


class Connected(Event, frozen=True):
    """The socket opened; the list may still be old."""


class Resumed(Event, frozen=True):
    """A list is up to date; ``reason``: why it was replaced as a whole, when not ``recovered``."""

    recovered: bool
    reason: str | None = None
    list: str | None = None
    """Which one; ``None``: the watchlist."""


class Updated(Event, frozen=True):
    """A list may look different now: read it."""


class Confirmed(Event, frozen=True):
    """The service has decided a write; ``status`` says what holds now: added, existing, removed, not_found."""

    operation_id: str
    operation: Action
    content_id: str
    status: str
    revision: int | None = None
    list: str | None = None
    """Of which one; ``None``: of the watchlist."""


class Refused(Event, frozen=True):
    """The service does not accept a write (``quota_exceeded``: the list is full); its effect on the list was undone."""

    operation_id: str
    operation: Action
    content_id: str
    code: str
    message: str
    list: str | None = None
    """Of which one; ``None``: of the watchlist."""


class Disconnected(Event, frozen=True):
    """A connection or an attempt ended.

    ``code``: the close code, if one came. ``retry_in_ms``: when the next attempt is; ``None``: when the app connects.
    """

    code: int | None
    retry_in_ms: int | None
    reason: str


class SignedOut(Event, frozen=True, tag="signed_out"):
    """The user's list is closed; ``erased``: nothing of it is left on this device."""

    user_id: str
    erased: bool


class Progress(Event, frozen=True):
    """A playback position on some device of the user; seconds."""

    content_id: str
    position: int
    duration: int


class Command(Event, frozen=True):
    """A command to a device of the user; ``target_device`` ``None``: to all."""

    command: str
    target_device: str | None = None


class StateChanged(Event, frozen=True, tag="state"):
    """The client stands elsewhere now; one of ``State``, and before the events that tell why."""

    state: str


class Storage(Event, frozen=True):
    """Where list and queue are kept from here on, ``persistent`` or ``memory``, and why that is worth telling."""

    storage: StorageKind
    reason: str
