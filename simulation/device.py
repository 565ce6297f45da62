"""A device: the real Python client's core, on a connection that speaks through the ``websockets`` library."""

import asyncio
import logging
from typing import Any, Final

import msgspec
from syncd_client import MemoryStore, events, messages, outputs
from syncd_client.core import Core, CoreDeps, State
from syncd_client.outputs import Output, Timer
from syncd_client.token import Token
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WebSocketState
from websockets.uri import parse_uri

from actors.messages.close_codes import TOKEN_REVOKED
from simulation.client_deps import ClientDeps
from simulation.network import Connection
from simulation.node import START_S, issue_token
from simulation.watch import ConnectionWatch

MAX_BYTES: Final = 64 << 20

_quiet = logging.getLogger("simulation.websockets")
_quiet.disabled = True


class Device:
    """One installation of the app: its disk stays, its process and its network come and go.

    Args:
        user_id: whose it is.
        name: of the device.
        token_s: how long its tokens are valid.
    """

    def __init__(
        self,
        deps: ClientDeps,
        user_id: str,
        name: str,
        skew_s: float,
        token_s: float,
    ) -> None:
        self.user_id = user_id
        self.name = name
        self.skew_s = skew_s
        self.deps = deps
        self.is_online = True
        self.disk = MemoryStore()
        self.attempt: Attempt | None = None
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._token_s = token_s
        self._tokens = 0
        self.core = self._new_core()

    def start(self) -> None:
        """Open the app."""
        self._do(self.core.sign_in(self.user_id, self.disk.load(self.user_id)))

    def die(self) -> None:
        """Kill the app, and open it again: what was not on its disk is lost."""
        self.deps.log.note(self.name, "is killed and starts again")
        self._drop(is_rude=True)
        self._stop_timers()
        self.core = self._new_core()
        self.start()

    def stop(self) -> None:
        """Disconnect for good."""
        self._do(self.core.disconnect())
        self._stop_timers()

    def lose_network(self, *, is_noticed: bool) -> None:
        """Be offline; an unnoticed loss leaves either end believing in the connection."""
        self.is_online = False
        connection = self.connection
        self.deps.log.note(self.name, "loses its network" + ("" if is_noticed else " and does not notice"))
        if connection is not None:
            connection.cut() if is_noticed else connection.silence()

    def find_network(self) -> None:
        """Be online again."""
        self.is_online = True
        self._do(self.core.connect())

    @property
    def connection(self) -> Connection | None:
        """What the world may cut."""
        return None if self.attempt is None else self.attempt.connection

    @property
    def token_ids(self) -> list[str]:
        """Of the tokens it was ever given."""
        return [f"{self.name}/{number}" for number in range(1, self._tokens + 1)]

    @property
    def token_id(self) -> str:
        """Of the token it was given last."""
        return f"{self.name}/{self._tokens}"

    @property
    def is_open(self) -> bool:
        """Whether it believes that it is connected."""
        return self.attempt is not None and self.attempt.is_open

    @property
    def contents(self) -> frozenset[str]:
        """What it shows."""
        return frozenset(item.content_id for item in self.core.items)

    @property
    def is_settled(self) -> bool:
        """Whether it is up to date as far as it knows, and has nothing to say."""
        return self.core.state is State.LIVE and self.core.queued == 0

    def sign_in_again(self) -> None:
        """Be given a new token after a while: the old one was revoked, and the app waits for its user."""
        self.deps.loop.call_later(1 + self.deps.rng.random(), self._connect, self.core)

    def write(self, action: messages.Action, content_id: str) -> None:
        """Change the list, as its user does."""
        write, out = self.core.enqueue(action, content_id)
        self.deps.log.note(self.name, f"{action} {content_id[-4:]} as {write.operation_id}")
        self.deps.witness.wants(self.user_id, write)
        self._do(out)

    def put(self, out: list[Output]) -> None:
        """Do what the core wants done; for its ``attempt``."""
        self._do(out)

    def _new_core(self) -> Core:
        deps = CoreDeps(
            now_ms=lambda: int((START_S + self.deps.loop.time() + self.skew_s) * 1000),
            random=self.deps.rng.random,
            new_replica=lambda: f"{self.deps.rng.getrandbits(64):016x}",
        )
        return Core(deps)

    def _do(self, out: list[Output]) -> None:
        for output in out:
            match output:
                case outputs.Save(user_id=user_id, changes=changes):
                    self.disk.save(user_id, changes)
                case outputs.AskToken():
                    self.deps.loop.call_later(0.01, self._give_token, self.core)
                case outputs.Open(target=target, token=token):
                    self.attempt = Attempt(self, target, token)
                case outputs.Send(message=message):
                    assert self.attempt is not None
                    self.attempt.send(message)
                case outputs.Close():
                    self._drop(is_rude=False)
                case outputs.StartTimer(timer=timer, after_ms=after_ms):
                    self._stop_timer(timer)
                    self._timers[timer] = self.deps.loop.call_later(after_ms / 1000, self._due, timer)
                case outputs.StopTimer(timer=timer):
                    self._stop_timer(timer)
                case outputs.Emit(event=events.Confirmed() as confirmed):
                    self.deps.witness.confirmed(self.user_id, confirmed)
                case outputs.Emit(event=events.Refused() as refused):
                    self.deps.witness.refused(self.user_id, refused)
                case outputs.Emit():
                    pass
                case outputs.Erase():
                    raise AssertionError("nobody signs out")

    def _give_token(self, core: Core) -> None:
        if core is not self.core or core.state not in (State.TOKEN, State.RESUMING, State.LIVE):
            return
        self._tokens += 1
        ends_s = int(START_S + self.deps.loop.time() + self._token_s)
        value = issue_token(self.user_id, self.name, ends_s, self.token_id)
        self._do(core.token(Token(value, self.user_id, ends_s)))

    def _connect(self, core: Core) -> None:
        if core is self.core and self.is_online:
            self._do(core.connect())

    def _drop(self, *, is_rude: bool) -> None:
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.drop(is_rude=is_rude)

    def _due(self, timer: Timer) -> None:
        del self._timers[timer]
        self._do(self.core.due(timer))

    def _stop_timer(self, timer: Timer) -> None:
        if handle := self._timers.pop(timer, None):
            handle.cancel()

    def _stop_timers(self) -> None:
        for timer in Timer:
            self._stop_timer(timer)


class Attempt(asyncio.Protocol):
    """One attempt to connect, and the connection it becomes; dropped, it reports nothing more."""

    def __init__(self, device: Device, target: str, token: str) -> None:
        self._device: Device | None = device
        self._log = device.deps.log
        self._name = device.name
        self.connection: Connection | None = None
        self._transport: Any = None
        self.is_open = False
        self._watch = ConnectionWatch(device.deps.witness, device.user_id, device.name, target)
        self._protocol = ClientProtocol(parse_uri(f"ws://node{target}"), max_size=MAX_BYTES, logger=_quiet)
        request = self._protocol.connect()
        request.headers["Authorization"] = f"Bearer {token}"
        self._protocol.send_request(request)
        self._node = device.deps.choose()
        if device.is_online:
            self._log.note(self._name, f"connects to {self._node.place}{target[3:]}")
            device.deps.network.connect(self._node, self, self._connected)

    def send(self, message: messages.ClientMessage) -> None:
        """Send ``message``."""
        if self._protocol.state is WebSocketState.OPEN:
            self._protocol.send_text(messages.encode(message).encode())
            self._flush()

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
            device.put(self._open_failed(device.core))

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

    def _let_go(self, device: Device) -> None:
        self._device = None
        self._watch.end()
        if device.attempt is self:
            device.attempt = None

    def _open_failed(self, core: Core) -> list[Output]:
        refusal = self._protocol.handshake_exc
        status = refusal.response.status_code if isinstance(refusal, InvalidStatus) else None
        self._log.note(self._name, f"is not connected: {status or 'reset'}")
        return core.open_failed(str(refusal or "reset"), status)

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
            self._log.note(self._name, f"is told {told['type']} {told.get('revision', told.get('id', ''))}")
            self._watch.see(told)
            device.put(device.core.received(messages.decode(text)))
