"""What the app is told. ``type`` is the event's name in every client."""

from typing import Any

from msgspec import Struct

from syncd_client.data.messages import Action
from syncd_client.data.register_messages import RegisterAction, Seconds
from syncd_client.data.user_state import StorageKind


class Event(Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    """Base of all events."""


class Connected(Event, frozen=True):
    """The socket opened; the list may still be old."""


class Resumed(Event, frozen=True):
    """A list is up to date; ``reason``: why it was replaced as a whole, when not ``recovered``."""

    recovered: bool
    reason: str | None = None
    list: str | None = None
    """Which one; ``None``: the watchlist, unless it is a ``collection``."""
    collection: str | None = None
    """``progress``, ``devices`` or ``lists``."""


class Updated(Event, frozen=True):
    """A list may look different now: read it."""


class Confirmed(Event, frozen=True):
    """The service has decided a write; ``status`` says what holds now: added, existing, updated, removed, not_found.

    ``superseded``: progress, or a device, had a later update already, and that one holds.
    """

    operation_id: str
    operation: Action | RegisterAction
    status: str
    content_id: str = ""
    """Empty if it is about a device."""
    revision: int | None = None
    list: str | None = None
    """In which list; ``None``: in the watchlist, unless it is in a ``collection``."""
    collection: str | None = None
    """In which registers: ``progress`` or ``devices``."""
    device_id: str | None = None
    """Which device, in ``devices``."""


class Refused(Event, frozen=True):
    """The service does not accept a write (``quota_exceeded``: the list is full); its effect on the list was undone."""

    operation_id: str
    operation: Action | RegisterAction
    code: str
    message: str
    content_id: str = ""
    """Empty if it is about a device."""
    list: str | None = None
    """In which list; ``None``: in the watchlist, unless it is in a ``collection``."""
    collection: str | None = None
    """In which registers: ``progress`` or ``devices``."""
    device_id: str | None = None
    """Which device, in ``devices``."""


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
    """A playback position on one of the user's devices, in seconds; the service does not keep it."""

    content_id: str
    position: Seconds
    duration: Seconds


class Command(Event, frozen=True):
    """A command to a device of the user; ``target_device`` ``None``: to all."""

    command: str
    target_device: str | None = None
    payload: Any = None
    """What the command needs: any JSON."""
    from_device_id: str | None = None
    """The device that sends it."""
    position_seconds: Seconds | None = None
    """Where to go on, with a ``handoff:{content_id}``; ``None``: not known."""


class StateChanged(Event, frozen=True, tag="state"):
    """The client's state changed, to one of ``State``; comes before the events that tell why."""

    state: str


class Storage(Event, frozen=True):
    """Where list and queue are kept from here on, ``persistent`` or ``memory``, and why that changed."""

    storage: StorageKind
    reason: str
