"""One attempt of a device to connect by WebSocket, with the ``websockets`` library, and the connection it becomes."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from syncd_client.core.outputs import Output
from syncd_client.transport.problem import read_problem
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WebSocketState

from actors.messages.close_codes import TOKEN_REVOKED
from simulation.devices.device_port import DevicePort
from simulation.devices.handshake import open_handshake
from simulation.devices.javascript_core import SendText
from simulation.judges.told import summary
from simulation.judges.watch import ConnectionWatch
from simulation.outside.network import Connection


class WebSocketAttempt(asyncio.Protocol):
    """One attempt to connect, and the connection it becomes; dropped, it reports nothing more."""

    def __init__(self, device: DevicePort, target: str, token: str) -> None:
        self._device: DevicePort | None = device
        self._log = device.deps.log
        self._name = device.name
        self.connection: Connection | None = None
        self._transport: Any = None
        self.is_open = self.is_poll = False
        self._watch = ConnectionWatch(device.deps.witness, device.user_id, device.name, target)
        is_stripped = device.intermediary.refusal == "strips"
        self._protocol = open_handshake(target, token, is_javascript=device.is_javascript, is_stripped=is_stripped)
        self._node = device.deps.choose()
        if device.is_online:
            self._log.note(self._name, f"connects to {self._node.place}{target[3:]}")
            device.deps.network.connect(self._node, self, self._connected)

    @property
    def connections(self) -> list[Connection]:
        """What the world may cut."""
        return [] if self.connection is None else [self.connection]

    def send(self, text: str) -> None:
        """Send a message."""
        if self._protocol.state is WebSocketState.OPEN:
            self._protocol.send_text(text.encode())
            self._flush()

    def command(self, target: str, name: str) -> None:
        """Send a command to a device."""
        message = {"type": "device_command", "target_device_id": target, "command_type": name, "id": name}
        self.send(msgspec.json.encode(message).decode())

    def drop(self, *, is_rude: bool) -> None:
        """Report nothing more, and end the connection."""
        self._device = None
        self._watch.end()
        if self._transport is None:
            return
        if is_rude:
            self._transport.abort()
            return
        if self._protocol.state is WebSocketState.OPEN:
            self._protocol.send_close(1000)
            self._flush()
        self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        """Ask for the WebSocket."""
        self._transport = transport
        device = self._device
        if device is None:
            transport.abort()
            return
        if not device.is_online and self.connection is not None:
            self.connection.silence()
        self._flush()
        if self.connection is not None:
            device.intermediary.stop_upgrade(self.connection)

    def data_received(self, data: bytes) -> None:
        """Take what the service sends."""
        if self._device is None:
            return
        self._protocol.receive_data(data)
        self._flush()
        self._device.put(self._device.core.heard())
        for event in self._protocol.events_received():
            self._take(event)

    def eof_received(self) -> bool:
        """Take the end of the stream."""
        if self._device is not None:
            self._protocol.receive_eof()
            self._flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end."""
        device = self._device
        if device is None:
            return
        self._let_go(device)
        if self.is_open:
            code = self._protocol.close_rcvd.code if self._protocol.close_rcvd else 1006
            self._log.note(self._name, f"is closed with {code}")
            self._watch.closed(code, is_link_fine=self.connection is None or self.connection.is_fine)
            device.put(device.core.closed(code, self._protocol.close_reason or ""))
            if code == TOKEN_REVOKED.code:
                device.sign_in_again()
        else:
            device.put(self._open_failed(device))

    def pause_writing(self) -> None:
        """Go on: what a device says is little."""

    def resume_writing(self) -> None:
        """Go on."""

    # Within

    def _connected(self, connection: Connection | None) -> None:
        device = self._device
        if connection is None:
            if device is not None:
                self._let_go(device)
                device.put(device.core.open_failed("nobody listens"))
            return
        self.connection = connection

    def _let_go(self, device: DevicePort) -> None:
        self._device = None
        self._watch.end()
        device.forget(self)

    def _open_failed(self, device: DevicePort) -> Sequence[Output | SendText]:
        refusal = self._protocol.handshake_exc
        answer = refusal.response if isinstance(refusal, InvalidStatus) else None
        self._log.note(self._name, f"is not connected: {answer.status_code if answer else 'reset'}")
        if answer is None or device.is_javascript:  # a WebSocket in JavaScript does not tell why
            return device.core.open_failed("reset")
        status = answer.status_code
        problem = read_problem(status, answer.headers.get("Content-Type"), bytes(answer.body))
        return device.core.open_failed("refused", status, problem=problem)

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()

    def _take(self, event: object) -> None:
        device = self._device
        if device is None:
            return
        if isinstance(event, Response):
            if self._protocol.handshake_exc is None:
                self.is_open = True
                device.put(device.core.opened())
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            text = bytes(event.data)
            told: dict[str, Any] = msgspec.json.decode(text)
            self._log.note(self._name, f"is told {summary(told)}")
            self._watch.see(told)
            device.received(text)
