"""Playback progress: how far a user has come in each content. It is a collection of registers, one for each content."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct, convert, to_builtins

from actors.messages.change import AuthorStamp
from actors.messages.channel import PubNubProgressUpdate
from actors.messages.names import Name
from actors.messages.registers import RegisterChange, RegisterUpdate, Values
from actors.messages.sync import ProgressUpdate

PlayState = Literal["playing", "paused", "stopped"]
ProgressOperation = Literal["update", "remove"]

MAX_SECONDS: Final = 10_000_000
"""Of a position and a duration: 115 days."""
WATCHED_PERCENT: Final = 90
"""From there on a content is watched, unless its author says otherwise."""

Seconds = Annotated[int, Meta(ge=0, le=MAX_SECONDS)] | Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
"""As apps send them, whole or not, and kept so."""

MEMBERS: Final = ("position", "duration", "state", "watched")
"""``watched`` is there if the author of the position has said it. Only ``duration`` may be left out of an update."""
IN_PROGRESS: Final = "in_progress"
"""The state of what has begun and is not watched."""


class ProgressChange(Struct, frozen=True, omit_defaults=True):
    """How far its author has come in one content, or that this is to be forgotten; decoded of HTTP and WebSocket."""

    content_id: UUID
    position_seconds: Seconds | None = None
    """Needed by an update."""
    duration_seconds: Seconds | None = None
    """``None``: what is known of it stays."""
    state: PlayState = "playing"
    watched: bool | None = None
    """``None``: it is from 90 % on."""
    operation: ProgressOperation = "update"
    operation_id: Name | None = None
    timestamp: AuthorStamp | None = None
    """The author's stamp. A bare number is accepted and ignored: the service stamps the change."""

    def __post_init__(self) -> None:
        if self.operation == "update" and self.position_seconds is None:
            raise ValueError("position_seconds: an update needs it")

    def register_change(self) -> RegisterChange:
        """Return the change of the register."""
        says: dict[str, Any] | None = None
        if self.operation == "update":
            says = {"position": self.position_seconds, "state": self.state, "watched": self.watched}
            if self.duration_seconds is not None:
                says["duration"] = self.duration_seconds
        return RegisterChange(
            key=to_builtins(self.content_id), says=says, operation_id=self.operation_id, timestamp=self.timestamp
        )


def percent_of(values: Values) -> float:
    """Return how much of a content was played, of 100, with one decimal; 0 if its duration is not known."""
    duration = values.get("duration")
    return min(round(100 * values.get("position", 0) / duration, 1), 100.0) if duration else 0.0


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
        content_id=convert(update.key, UUID),
        position=values.get("position", 0),
        duration=values.get("duration", 0),
        action="update" if values else "remove",
        state=values.get("state"),
        watched=is_watched(values) if values else None,
        revision=update.revision,
        timestamp=update.timestamp,
        device_id=update.device_id,
    )


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
