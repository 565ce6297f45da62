"""What a device has asked for and was not answered yet: at a bound, it is not read until half of that is answered."""

from functools import partial
from typing import Final, assert_never

import msgspec
from msgspec import structs

from actors.connection.deps import ConnectionDeps
from actors.messages import device_registers
from actors.messages.change import Change
from actors.messages.collections import DEVICES
from actors.messages.commands import CommandOutcome, SendCommand
from actors.messages.connection import ConnectionInfo, DeviceAnswered, WriteAnswered
from actors.messages.device import (
    CommandToDevice,
    DeviceEdit,
    DeviceHeartbeat,
    MessageId,
    ProgressWrite,
    Submitted,
    WatchlistWrite,
    answer_to_command,
    answer_to_heartbeat,
)
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.registers import RegisterChange
from actors.ports import DeviceSocket
from actors.runtime.tell import Tell

MAX_UNANSWERED: Final = 256
MAX_ID_BITS: Final = 63
"""The longest numeric ``id``, without its sign, that is handed on to the store; a longer one stays on this node."""


class DeviceWrites:
    """Part of a ``SyncWebSocket``, on its turns; answered by ``WriteAnswered`` and ``DeviceAnswered``."""

    __slots__ = ("_connection", "_deps", "_said", "_socket", "unanswered")

    def __init__(self, connection: ConnectionInfo, socket: DeviceSocket, deps: ConnectionDeps) -> None:
        self._connection = connection
        self._socket = socket
        self._deps = deps
        self._said = 0
        self.unanswered = 0

    def submit(self, message: Submitted) -> None:
        """Hand on what the device asks for."""
        match message:
            case WatchlistWrite() | ProgressWrite() | DeviceEdit():
                self._write(message)
            case CommandToDevice():
                self._command(message)
            case DeviceHeartbeat():
                self._describe(message)
            case _:
                assert_never(message)

    def _write(self, write: WatchlistWrite | ProgressWrite | DeviceEdit) -> None:
        """Hand ``write`` to the user's ``WatchlistSync``."""
        self._begin()
        user_id, device_id = self._connection.user_id, self._connection.device_id
        self._deps.tell_watchlist(
            DeviceWrite(
                user_id=user_id,
                device_id=device_id,
                change=_change(write),
                collection=write.collection,
                answer=partial(_tell_outcome, self._connection.tell, write),
                trace=self._deps.tracer.accept(write.traceparent, user_id, device_id, "socket", write.collection),
            )
        )

    def _command(self, command: CommandToDevice) -> None:
        """Hand ``command`` to ``DeviceCommands``."""
        self._begin()
        shown = command.shown_from(self._connection.device_id)
        answer = partial(_tell_command, self._connection.tell, command.id)
        self._deps.send_command(SendCommand(self._connection.user_id, shown, answer))

    def _describe(self, heartbeat: DeviceHeartbeat) -> None:
        """Write what the device says of itself, unless it said the same before."""
        if heartbeat.id is not None:
            self._begin()
        said = hash(msgspec.json.encode(fields)) if (fields := heartbeat.said()) else self._said
        if said == self._said:
            self._described(heartbeat.id, Outcome(status=Status.UPDATED))
            return
        self._said = said
        user_id, device_id = self._connection.user_id, self._connection.device_id
        self._deps.tell_watchlist(
            DeviceWrite(
                user_id=user_id,
                device_id=device_id,
                change=device_registers.description(device_id, heartbeat),
                collection=DEVICES,
                answer=partial(self._described, heartbeat.id),
            )
        )

    def _described(self, message_id: MessageId | None, outcome: Outcome) -> None:
        """Answer a heartbeat; if what it said was refused, the same is written when it is said again."""
        if outcome.status is Status.REFUSED:
            self._said = 0
        if message_id is not None:
            self._connection.tell(DeviceAnswered(answer_to_heartbeat(message_id, outcome)))

    def _begin(self) -> None:
        """Count what will be answered; beyond the bound the device is not read."""
        self.unanswered += 1
        if self.unanswered == MAX_UNANSWERED:
            self._socket.pause_reading()

    def answered(self, count: int) -> None:
        """Note that ``count`` answers have been written to the device."""
        before, self.unanswered = self.unanswered, self.unanswered - count
        if before > MAX_UNANSWERED // 2 >= self.unanswered:
            self._socket.resume_reading()


def _change(write: WatchlistWrite | ProgressWrite | DeviceEdit) -> Change | RegisterChange:
    """Return what ``write`` asks for: itself where possible, but without an ``id`` too long for the store."""
    if not isinstance(write, WatchlistWrite):
        return write.register_change()
    is_long = isinstance(write.id, int) and write.id.bit_length() > MAX_ID_BITS
    return structs.replace(write, id=None) if is_long else write


def _tell_outcome(
    tell: Tell[WriteAnswered], write: WatchlistWrite | ProgressWrite | DeviceEdit, outcome: Outcome
) -> None:
    tell(WriteAnswered(write.id, outcome, write.collection))


def _tell_command(tell: Tell[DeviceAnswered], message_id: MessageId | None, outcome: CommandOutcome) -> None:
    tell(DeviceAnswered(answer_to_command(message_id, outcome)))
