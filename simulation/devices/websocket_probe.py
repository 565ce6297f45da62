"""A device's look whether a WebSocket can be had, beside another connection: it opens one, and closes it."""

import asyncio
from typing import Any, Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

from simulation.devices.device_port import DevicePort
from simulation.devices.handshake import open_handshake
from simulation.outside.network import Connection

TIMEOUT_S: Final = 10.0


class WebSocketProbe(asyncio.Protocol):
    """Tells the core once; dropped, nothing."""

    def __init__(self, device: DevicePort, target: str, token: str) -> None:
        self._device: DevicePort | None = device
        self._connection: Connection | None = None
        self._transport: Any = None
        is_stripped = device.intermediary.refusal == "strips"
        self._protocol = open_handshake(target, token, is_javascript=device.is_javascript, is_stripped=is_stripped)
        self._timeout = device.deps.loop.call_later(TIMEOUT_S, self._end, False)
        node = device.deps.choose()
        device.deps.log.note(device.name, f"looks for a WebSocket at {node.place}")
        if device.is_online:
            device.deps.network.connect(node, self, self._connected)

    def drop(self) -> None:
        """Tell nothing, and close."""
        self._device = None
        self._timeout.cancel()
        if self._transport is not None:
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._flush()
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        """Ask for the WebSocket."""
        self._transport = transport
        device, connection = self._device, self._connection
        if device is None or connection is None:
            transport.abort()
            return
        if not device.is_online:
            connection.silence()
        self._flush()
        device.intermediary.stop_upgrade(connection)

    def data_received(self, data: bytes) -> None:
        """Look what the service sends: Python has its ping answered, JavaScript knows of messages alone."""
        device = self._device
        if device is None:
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                if self._protocol.handshake_exc is None and not device.is_javascript:
                    self._protocol.send_ping(b"")
            elif isinstance(event, Frame) and event.opcode is (Opcode.TEXT if device.is_javascript else Opcode.PONG):
                self._flush()
                self._end(is_there=True)
                return
        self._flush()

    def eof_received(self) -> bool:
        """Close, too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that there is none."""
        self._end(is_there=False)

    def pause_writing(self) -> None:
        """Go on: it says nothing."""

    def resume_writing(self) -> None:
        """Go on."""

    # Within

    def _connected(self, connection: Connection | None) -> None:
        self._connection = connection
        if connection is None:
            self._end(is_there=False)

    def _end(self, is_there: bool) -> None:
        device = self._device
        self.drop()
        if device is not None:
            found = "can be had" if is_there else "cannot be had"
            device.deps.log.note(device.name, f"a WebSocket {found}")
            device.put(device.core.probed(is_there=is_there))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()
