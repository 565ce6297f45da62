"""Commands from one device to another of the same user, whichever node that one is connected to; never stored."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import assert_never

import msgspec
from msgspec import Struct

from actors.bus.freshness import Freshness, check_age
from actors.errors import BusMessageRefused, BusUnavailable, MessageRefused
from actors.messages.bus import CommandDelivered, DeviceCommandsMessage, DevicesRead, RemoteCommand
from actors.messages.channel import BusMessage, ChannelCommand, PubNubDeviceCommand
from actors.messages.commands import MAX_COMMAND_AGE_MS, CommandOutcome, SendCommand
from actors.messages.devices import ReadDevices
from actors.messages.failures import ReadFailed, ReadRefused
from actors.messages.fanout import SendToDevice, ShownToDevice
from actors.messages.sync import DeviceCommand
from actors.metrics import BusMetrics, CommandMetrics
from actors.ports import Bus
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, TellIfAlive
from crdt.hlc import HLCTimestamp

logger = logging.getLogger(__name__)

MAX_PUBLISHING = 200
"""Publishes under way at once; the sender of one more is asked to try again."""
MAX_PUBLISHING_OF_USER = 20
"""How many of those one user may have: while the bus is slow nobody takes all of them."""


class DeviceCommandsDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What a ``DeviceCommands`` is wired with."""

    node: str
    bus: Bus
    encode: Callable[[str, BusMessage], bytes]
    """User id, message -> payload."""
    registry: Tell[SendToDevice]
    journal: Tell[ReadDevices]
    metrics: CommandMetrics
    bus_metrics: BusMetrics
    now_ms: Callable[[], int]
    """The wall clock."""
    now_s: Callable[[], float]
    """The connections' clock."""


class DeviceCommands(SupervisedActor):
    """Messages in: ``DeviceCommandsMessage``. Messages out: ``SendToDevice``, ``ReadDevices``; it calls the bus.

    A command is shown at once to the device's connections to this node. Then the database says whether the device is
    known, and whether it is connected to another node: only if it is, the bus carries the command. A polling device is
    connected to one node at a time: once it is shown the command here, it has it.
    """

    def __init__(self, deps: DeviceCommandsDeps) -> None:
        super().__init__()
        self._deps = deps
        self._freshness = Freshness(MAX_COMMAND_AGE_MS)
        self._publishing: set[asyncio.Task[None]] = set()
        self._publishing_of: Counter[str] = Counter()
        """User -> how many of these, never 0."""

    def on_receive(self, message: DeviceCommandsMessage) -> None:
        """Take one message."""
        match message:
            case SendCommand(user_id=user_id, command=command):
                tell = TellIfAlive(self.actor_ref)
                self._show(user_id, command, MAX_COMMAND_AGE_MS, lambda shown: tell(CommandDelivered(message, shown)))
            case CommandDelivered(send=send, shown=shown):
                self._delivered(send, shown)
            case DevicesRead():
                self._look_elsewhere(message)
            case RemoteCommand():
                self._receive(message)
            case _:
                assert_never(message)

    def on_stop(self) -> None:
        """Give up what is under way."""
        for task in self._publishing:
            task.cancel()

    # To devices on this node

    def _show(self, user_id: str, command: DeviceCommand, for_ms: int, reply_to: Tell[ShownToDevice]) -> None:
        until_s = self._deps.now_s() + for_ms / 1000
        self._deps.registry(SendToDevice(user_id, command, until_s, reply_to))

    def _delivered(self, send: SendCommand, shown: ShownToDevice) -> None:
        self._count(shown)
        if shown.polls:  # its next poll may reach another node before the bus does: it would be shown this twice
            self._answer(send, "sent")
            return
        tell = TellIfAlive(self.actor_ref)
        self._deps.journal(ReadDevices(send.user_id, lambda found: tell(DevicesRead(send, shown.connections, found))))

    def _look_elsewhere(self, read: DevicesRead) -> None:
        send, found = read.send, read.found
        is_here = bool(read.connections)
        if isinstance(found, ReadFailed):
            why: CommandOutcome = "too_many" if isinstance(found, ReadRefused) else "try_again_later"
            self._answer(send, "sent" if is_here else why)
            return
        nodes = found.nodes_of(send.command.target_device or "")
        if nodes is not None and any(node != self._deps.node for node in nodes):
            self._publish(send, is_here=is_here)
        elif is_here:
            self._answer(send, "sent")
        elif nodes is None:
            self._answer(send, "not_found")
        else:
            self._answer(send, "not_listening" if nodes else "device_offline")

    def _publish(self, send: SendCommand, *, is_here: bool) -> None:
        if self._publishing_of[send.user_id] >= MAX_PUBLISHING_OF_USER:
            self._answer(send, "sent" if is_here else "too_many")
            return
        if len(self._publishing) >= MAX_PUBLISHING:
            self._answer(send, "sent" if is_here else "bus_unavailable")
            return
        payload = self._deps.encode(send.user_id, self._outgoing(send.command))
        task = asyncio.get_running_loop().create_task(self._carry(send, payload, is_here=is_here))
        self._publishing.add(task)
        self._publishing_of[send.user_id] += 1
        task.add_done_callback(partial(self._published, send.user_id))

    def _published(self, user_id: str, task: asyncio.Task[None]) -> None:
        self._publishing.discard(task)
        self._publishing_of[user_id] -= 1
        if not self._publishing_of[user_id]:
            del self._publishing_of[user_id]

    async def _carry(self, send: SendCommand, payload: bytes, *, is_here: bool) -> None:
        try:
            await self._deps.bus.publish_to_devices(send.user_id, payload)
        except BusUnavailable as error:
            logger.debug("the bus took no command: %s", error)
            self._answer(send, "sent" if is_here else "bus_unavailable")
        except MessageRefused as error:
            logger.error("the bus refuses a command for good: %s", error)
            self._answer(send, "sent" if is_here else "device_offline")
        else:
            self._answer(send, "sent")

    def _outgoing(self, command: DeviceCommand) -> PubNubDeviceCommand:
        payload = None if command.payload is None else msgspec.json.encode(command.payload).decode()
        return PubNubDeviceCommand(
            target_device_id=command.target_device or "",
            command=ChannelCommand(command.command, command.position_seconds, payload=payload),
            from_device_id=command.from_device_id,
            id=secrets.token_hex(8),
            origin=self._deps.node,
            sent_ms=self._deps.now_ms(),
        )

    def _answer(self, send: SendCommand, outcome: CommandOutcome) -> None:
        self._deps.metrics.outcomes[send.kind, outcome] += 1
        send.answer(outcome)

    # From the channel

    def _receive(self, remote: RemoteCommand) -> None:
        message, now_ms = remote.message, self._deps.now_ms()
        try:
            sent_ms = self._admit(message, now_ms)
        except BusMessageRefused as error:
            self._deps.bus_metrics.refused[error.reason] += 1
            logger.warning("a command on the bus was skipped: %s", error)
            return
        left_ms = min(sent_ms - now_ms, 0) + MAX_COMMAND_AGE_MS
        self._show(remote.user_id, _shown(message), left_ms, self._count)

    def _admit(self, message: PubNubDeviceCommand, now_ms: int) -> int:
        """Return when it was sent. Raises: BusMessageRefused, it is too old, or came before."""
        if message.id is not None:
            self._freshness.admit(message.id, message.sent_ms, now_ms)
            return message.sent_ms
        check_age(message.timestamp, now_ms, MAX_COMMAND_AGE_MS)
        return message.timestamp.physical if isinstance(message.timestamp, HLCTimestamp) else now_ms

    def _count(self, shown: ShownToDevice) -> None:
        self._deps.metrics.delivered += shown.connections


def _shown(message: PubNubDeviceCommand) -> DeviceCommand:
    """Return what the device is shown; the fields of a foreign publisher's command become its payload."""
    command = message.command
    position_seconds = command.position_seconds
    payload = None if command.payload is None else msgspec.json.decode(command.payload)
    if message.origin is None:
        fields = {"position_seconds": position_seconds, "content_id": command.content_id}
        payload = {name: value for name, value in fields.items() if value is not None} or None
        position_seconds = None
    return DeviceCommand(
        command=command.command_type,
        target_device=message.target_device_id,
        position_seconds=position_seconds,
        payload=payload,
        from_device_id=message.from_device_id,
    )
