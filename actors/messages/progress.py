"""Playback progress: how far a user has come in each content. It is a collection of registers, one for each content."""

from math import floor
from typing import Any, Final

from msgspec import Struct

from actors.messages.change import AuthorStamp, PlayState, RegisterAction, Seconds
from actors.messages.channel import PubNubProgressUpdate
from actors.messages.content_ids import ContentId, ContentIds
from actors.messages.names import Name
from actors.messages.registers import RegisterChange, RegisterUpdate, Values
from actors.messages.sync import ProgressUpdate
from crdt.hlc import HLCTimestamp

WATCHED_PERCENT: Final = 90
"""From there on a content is watched, unless its author says otherwise."""

MEMBERS: Final = ("position", "duration", "state", "watched")
"""``watched`` is there if the author of the position has said it. Only ``duration`` may be left out of an update."""
IN_PROGRESS: Final = "in_progress"
"""The state of what has begun and is not watched."""


class ProgressChange(Struct, frozen=True, omit_defaults=True):
    """How far its author has come in one content, or that this is to be forgotten; decoded from HTTP and WebSocket."""

    content_id: ContentId
    position_seconds: Seconds | None = None
    """Needed by an update."""
    duration_seconds: Seconds | None = None
    """``None``: what is known of it stays."""
    state: PlayState = "playing"
    watched: bool | None = None
    """``None``: the content is watched from 90 % on."""
    operation: RegisterAction = "update"
    operation_id: Name | None = None
    timestamp: AuthorStamp | None = None
    """The author's stamp. A bare number is accepted and ignored: the service stamps the change."""

    def __post_init__(self) -> None:
        if self.operation == "update" and self.position_seconds is None:
            raise ValueError("Object missing required field `position_seconds`")

    def register_change(self) -> RegisterChange:
        """Return the change of the register."""
        says: dict[str, Any] | None = None
        if self.operation == "update":
            says = {"position": self.position_seconds, "state": self.state, "watched": self.watched}
            if self.duration_seconds is not None:
                says["duration"] = self.duration_seconds
        return RegisterChange(key=self.content_id, says=says, operation_id=self.operation_id, timestamp=self.timestamp)


class ProgressItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One content of a ``progress_snapshot``."""

    content_id: ContentId
    position: int | float
    duration: int | float
    """0: it is not known."""
    state: PlayState
    watched: bool
    timestamp: HLCTimestamp
    device_id: str


class ProgressSnapshot(Struct, frozen=True, tag="progress_snapshot", tag_field="type", kw_only=True):
    """The progress of all contents at one revision, newest play first: replaces what the device has."""

    revision: int
    epoch: str
    items: tuple[ProgressItem, ...]


class ProgressSnapshotPiece(
    Struct, frozen=True, tag="progress_snapshot_piece", tag_field="type", omit_defaults=True, kw_only=True
):
    """As ``watchlist_snapshot_piece``, of progress."""

    revision: int
    epoch: str
    start: bool = False
    items: tuple[ProgressItem, ...]
    next: str | None = None


def percent_of(values: Values) -> float:
    """Return how much of a content was played, of 100, with one decimal; 0 if its duration is not known.

    Halves go up, as in both clients, which show the same: ``round`` makes 12.2 of 12.25.
    """
    position, duration = values.get("position", 0), values.get("duration")
    if not duration:
        return 0.0
    return 100.0 if position >= duration else floor(1000 * position / duration + 0.5) / 10


def is_watched(values: Values) -> bool:
    """Return whether it is, by its author's word or by its position."""
    said: bool | None = values.get("watched")
    return percent_of(values) >= WATCHED_PERCENT if said is None else said


def state_of(values: Values) -> str:
    """Return ``IN_PROGRESS``, or another word."""
    return IN_PROGRESS if values["position"] > 0 and not is_watched(values) else ""


def device_form(update: RegisterUpdate) -> ProgressUpdate:
    """Return what devices are shown of ``update``."""
    values = update.values
    return ProgressUpdate(
        content_id=update.key,
        position=values.get("position", 0),
        duration=values.get("duration", 0),
        action="update" if values else "remove",
        state=values.get("state"),
        watched=is_watched(values) if values else None,
        revision=update.revision,
        timestamp=update.timestamp,
        device_id=update.device_id,
    )


def item_form(update: RegisterUpdate) -> ProgressItem:
    """Return what is shown in a snapshot of what ``update`` has left."""
    values = update.values
    return ProgressItem(
        content_id=update.key,
        position=values["position"],
        duration=values.get("duration", 0),
        state=values["state"],
        watched=is_watched(values),
        timestamp=update.timestamp,
        device_id=update.device_id,
    )


def channel_change(message: PubNubProgressUpdate, content_ids: ContentIds) -> RegisterChange | None:
    """Return the change that a foreign publisher's message asks for; ``None``: its content id is not valid.

    If it comes several times, or to several nodes, it becomes one operation if it has a timestamp, in whatever shape.
    """
    try:
        content_id = content_ids.canonical(message.content_id)
    except ValueError:
        return None
    name = f"channel:{message.timestamp}:{content_id}:{message.position_seconds}"
    return ProgressChange(
        content_id=content_id,
        position_seconds=message.position_seconds,
        duration_seconds=message.duration_seconds or None,
        state=message.state or "playing",
        watched=message.watched,
        operation=message.operation or "update",
        operation_id=name if isinstance(message.timestamp, int | float) else None,
        timestamp=message.timestamp,
    ).register_change()


def channel_form(update: RegisterUpdate, origin: str, epoch: str | None) -> PubNubProgressUpdate:
    """Return what node ``origin`` tells the others of ``update``."""
    shown = device_form(update)
    return PubNubProgressUpdate(
        content_id=update.key,
        position_seconds=shown.position,
        duration_seconds=shown.duration,
        timestamp=update.timestamp,
        device_id=update.device_id,
        operation=shown.action,
        state=shown.state,
        watched=shown.watched,
        revision=update.revision,
        origin=origin,
        epoch=epoch,
    )
