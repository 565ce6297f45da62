"""Commands from one device of a user to another: their bounds, and what becomes of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, json

from actors.messages.names import MAX_NAME_LENGTH, Name
from actors.messages.sync import DeviceCommand
from actors.runtime.tell import Tell

MAX_PAYLOAD_BYTES: Final = 4 * 1024
"""The largest that a command's payload may be, as JSON: even with all of it escaped it fits in a PubNub message."""
MAX_COMMAND_AGE_MS: Final = 30_000
"""An older command is not acted upon: better not at all than when nobody expects it any more."""

CommandType = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
HANDOFF: Final = "handoff:"
"""How the type of a handoff begins; the content's id follows."""

CommandOutcome = Literal[
    "sent", "device_offline", "not_found", "try_again_later", "bus_unavailable", "not_listening", "too_many"
]
WHY_LATER: Final[Mapping[CommandOutcome, str]] = {
    "try_again_later": "nobody can say where the device is",
    "bus_unavailable": "the device is on another node, which the bus does not reach now",
    "not_listening": "the device is between two connections, or does not read",
    "too_many": "too many commands of this user are under way",
}
"""The outcomes that may be others a moment later, told to the sender as ``try_again_later``, and what they mean."""
CommandKind = Literal["handoff", "other"]
"""By what commands are counted: the other types are the apps' own, and there may be any number of them."""


class CommandRequest(Struct, frozen=True):
    """A command to another device of the same user, as its sender asks for it; HTTP and WebSocket decode it alike."""

    target_device_id: Name
    command_type: CommandType
    payload: Any = None

    def __post_init__(self) -> None:
        """Check what no schema says. Raises: ValueError."""
        if self.payload is not None and len(json.encode(self.payload)) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"payload: must be at most {MAX_PAYLOAD_BYTES} bytes as JSON")

    def shown_from(self, device_id: str) -> DeviceCommand:
        """Return what the target is shown of a command that comes from ``device_id``."""
        return DeviceCommand(
            command=self.command_type,
            target_device=self.target_device_id,
            payload=self.payload,
            from_device_id=device_id,
        )


class SendCommand(Struct, frozen=True, eq=False):
    """Bring ``command`` to the device that it names, wherever that is connected; ``answer`` is told once."""

    user_id: str
    command: DeviceCommand
    answer: Tell[CommandOutcome]

    @property
    def kind(self) -> CommandKind:
        """What kind of command it is, for figures."""
        return "handoff" if self.command.command.startswith(HANDOFF) else "other"
