"""A device: a real client's core, its disk, and at most one connection."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from msgspec import Raw
from syncd_client import MemoryStore
from syncd_client.core import events, outputs
from syncd_client.core.core import Core, CoreDeps, State
from syncd_client.core.outputs import Output, Timer, Transport
from syncd_client.core.token import Token
from syncd_client.data import messages
from syncd_client.data.user_state import PendingWrite

from simulation.client_deps import ClientDeps
from simulation.clock.wall_clock import START_S, WallClock
from simulation.devices.http_attempt import HttpAttempt
from simulation.devices.javascript_core import JavascriptCore, SendText
from simulation.devices.javascript_queue import JavascriptQueue
from simulation.devices.websocket_attempt import WebSocketAttempt
from simulation.devices.websocket_probe import WebSocketProbe
from simulation.judges.commands import NOBODY, Sent
from simulation.judges.lines import PROGRESS
from simulation.judges.registers import Value, value_of
from simulation.judges.witness import Item, carried
from simulation.outside.intermediary import Intermediary
from simulation.outside.network import Connection
from simulation.tokens import TOKEN_S, issue_token

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Device:
    """One installation of the app: its disk stays, its process and its network come and go.

    Args:
        user_id: whose it is.
        name: of the device.
        clock: its wall clock.
        token_s: how long its tokens are valid; ``None``: longer than the world lasts.
        is_javascript: whether it runs the JavaScript client's core, in place of the Python client's.
    """

    def __init__(
        self,
        deps: ClientDeps,
        user_id: str,
        name: str,
        clock: WallClock,
        token_s: float | None,
        *,
        is_javascript: bool,
    ) -> None:
        self.user_id = user_id
        self.name = name
        self.clock = clock
        self.deps = deps
        self.is_online = True
        self.is_javascript = is_javascript
        self.disk = MemoryStore()
        self.javascript_disk: dict[str, list[Raw]] = {}
        self._javascript_queue = JavascriptQueue()
        self.lists: dict[str, None] = {}
        """Those beside the watchlist that its app opens whenever it starts."""
        self.registers: dict[str, None] = {}
        """Progress and devices, if its app opens them then."""
        self.intermediary = Intermediary()
        self.attempt: WebSocketAttempt | HttpAttempt | None = None
        self._probe: WebSocketProbe | None = None
        self._last_command: Sent | None = None
        self._refusal: asyncio.TimerHandle | None = None
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._token_s = token_s
        self._tokens = 0
        self.core = self._new_core()

    def start(self) -> None:
        """Open the app."""
        core, user_id = self.core, self.user_id
        for list_id in self.lists:
            self.put(core.open_list(list_id))
        for collection in self.registers:
            self.put(core.open(collection))
        if isinstance(core, JavascriptCore):
            self.put(core.sign_in(user_id))
        else:
            self.put(core.sign_in(user_id, self.disk.load(user_id)))

    def die(self) -> None:
        """Kill the app, and open it again: what was not on its disk is lost."""
        self.deps.log.note(self.name, "is killed and starts again")
        self._drop(is_rude=True)
        self._stop_timers()
        self.core = self._new_core()
        self.start()

    def stop(self) -> None:
        """Disconnect for good."""
        self.put(self.core.disconnect())
        self._stop_timers()

    def lose_network(self, *, is_noticed: bool) -> None:
        """Be offline; an unnoticed loss leaves either end believing in the connection."""
        self.is_online = False
        self.deps.log.note(self.name, "loses its network" + ("" if is_noticed else " and does not notice"))
        for connection in self.connections:
            connection.cut() if is_noticed else connection.silence()

    def move(self, *, is_told: bool) -> None:
        """Be in another network; ``is_told``: the app is, too."""
        self.deps.log.note(self.name, f"is in a network that {self.intermediary}")
        for connection in self.connections:
            connection.cut()
        if is_told and self.is_online:
            self.find_network()

    def find_network(self) -> None:
        """Be online again."""
        self.is_online = True
        self.put(self.core.connect())
        self.put(self.core.wake())

    @property
    def connection(self) -> Connection | None:
        """What the world may cut."""
        return None if self.attempt is None else self.attempt.connection

    @property
    def connections(self) -> Sequence[Connection]:
        """It, and what is beside it: that of a write."""
        return () if self.attempt is None else self.attempt.connections

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
    def is_over_http(self) -> bool:
        """Whether it has no WebSocket, but a stream, or polls."""
        return isinstance(self.attempt, HttpAttempt)

    @property
    def is_polling(self) -> bool:
        """Whether it is connected only now and then."""
        return self.attempt is not None and self.attempt.is_poll

    def shown(self, list_id: str | None) -> frozenset[Item]:
        """Return what it shows of a list that is open; ``None``: of the watchlist."""
        core = self.core
        items = core.items_of(list_id)[0] if isinstance(core, JavascriptCore) else core.items_of(list_id)
        return frozenset((item.content_id, carried({"data": item.data, "position": item.position})) for item in items)

    @property
    def is_settled(self) -> bool:
        """Whether it is up to date as far as it knows, and has nothing to say."""
        return self.core.state is State.LIVE and self.core.queued == 0

    def sign_in_again(self) -> None:
        """Be given a new token after a while: the old one was revoked, and the app waits for its user."""
        self.deps.loop.call_later(1 + self.deps.rng.random(), self._connect, self.core)

    def open_list(self, list_id: str) -> None:
        """Follow a list, as its app does from now on."""
        self.deps.log.note(self.name, f"opens {list_id}")
        self.lists[list_id] = None
        self.put(self.core.open_list(list_id))

    def follow(self, collection: str) -> None:
        """Follow registers, as its app does from now on."""
        if collection not in self.registers:
            self.registers[collection] = None
            self.put(self.core.open(collection))

    def write(
        self, action: messages.Action, content_id: str, list_id: str | None = None, says: Mapping[str, Any] = NOTHING
    ) -> None:
        """Change a list that is open, as its user does; ``None``: the watchlist."""
        write, out = self.core.enqueue(action, content_id, list_id, says.get("data"), says.get("position"))
        where = "" if list_id is None else f" in {list_id}"
        self.deps.log.note(self.name, f"{action} {content_id[-4:]}{where} as {write.operation_id}")
        self.deps.witness.wants(self.user_id, write)
        self.put(out)

    @property
    def progress(self) -> dict[str, Value]:
        """What it shows of progress."""
        core = self.core
        items = core.registers()[0] if isinstance(core, JavascriptCore) else core.progress
        return {
            item.content_id: value_of(item.position_seconds, item.duration_seconds or 0, item.state) for item in items
        }

    @property
    def known(self) -> dict[str, tuple[str | None, bool | None]]:
        """What it shows of each device: what it is called, and whether it is online."""
        core = self.core
        items = core.registers()[1] if isinstance(core, JavascriptCore) else core.devices
        return {item.device_id: (item.device_name, item.is_online) for item in items}

    def command(self, target: "Device | None") -> None:
        """Command another device of its user, or one that is not known, if it is connected itself."""
        attempt = self.attempt
        if attempt is None or not attempt.is_open:
            return
        is_there = target is not None and target.is_settled and target.connection is not None and not target.is_polling
        goal = target.attempt if target is not None and is_there else None
        carrier = None if self.is_over_http else attempt  # a request of its own, which nobody watches
        sent = Sent(self.user_id, NOBODY if target is None else target.name, carrier, goal)
        name = self.deps.witness.commands.sends(sent)
        self._last_command = sent
        self.deps.log.note(self.name, f"commands {sent.target}: {name}")
        attempt.command(sent.target, name)

    @property
    def awaits_answer(self) -> bool:
        """Whether the last of its commands is not answered."""
        return self._last_command is not None and self._last_command.answer is None

    def put(self, out: Sequence[Output | SendText]) -> None:
        """Do what the core wants done; for its connections, and whoever calls the core."""
        if self.registers and self.is_javascript:
            for operation_id, write in self._javascript_queue.changes(self.javascript_disk.get(self.user_id, ())):
                self._says(operation_id, write)
        for output in out:
            match output:
                case outputs.Save(user_id=user_id, changes=changes):
                    for operation_id, write in changes.queue.items():
                        self._says(operation_id, write)
                    self.disk.save(user_id, changes)
                case outputs.AskToken():
                    self.deps.loop.call_later(0.01, self._give_token, self.core)
                case outputs.Open(transport=transport, target=target, token=token):
                    self._open(transport, target, token)
                case outputs.Probe(target=target, token=token):
                    self._probe = WebSocketProbe(self, target, token)
                case outputs.Send(message=message):
                    self._send(messages.encode(message))
                case SendText(text=text):
                    self._send(text)
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

    def received(self, text: bytes) -> None:
        """Take a message of its ``attempt``."""
        core = self.core
        if isinstance(core, JavascriptCore):
            self.put(core.received(text.decode()))
        else:
            self.put(core.received(messages.decode(text)))

    def forget(self, attempt: object) -> None:
        """Be without a connection, if ``attempt`` is the one it has."""
        if self.attempt is attempt:
            self.attempt = None

    def _new_core(self) -> Core | JavascriptCore:
        deps = CoreDeps(
            now_ms=lambda: int(self.clock.now_s() * 1000),
            random=self.deps.rng.random,
            new_replica=lambda: f"{self.deps.rng.getrandbits(64):016x}",
        )
        if self.is_javascript:
            return JavascriptCore(self.name, deps, self.javascript_disk, self.deps.content_ids)
        return Core(deps)

    def _says(self, operation_id: str, write: PendingWrite | None) -> None:
        """Let it be known what is queued of registers, and what is not any more."""
        witness = self.deps.witness
        if write is None:
            witness.registers.drops(self.user_id, operation_id)
        elif write.registers is not None:
            said = f"{write.operation} {write.registers} of {write.content_id[-4:]} as {operation_id}"
            self.deps.log.note(self.name, said)
            registers = witness.registers if write.registers == PROGRESS else witness.names
            registers.wants(self.user_id, write)

    def _send(self, text: str) -> None:
        assert self.attempt is not None
        self.attempt.send(text)

    def _open(self, transport: Transport, target: str, token: str) -> None:
        if transport is Transport.WEBSOCKET:
            self.attempt = WebSocketAttempt(self, target, token)
        elif not self.intermediary.passes_http:
            said = f"{transport} is not let through"
            self._refusal = self.deps.loop.call_later(0.01, lambda: self.put(self.core.open_failed(said)))
        elif isinstance(self.attempt, HttpAttempt):
            self.attempt.open(target)
        else:
            self.attempt = HttpAttempt(self, transport, target, token)

    def _give_token(self, core: Core | JavascriptCore) -> None:
        if core is not self.core or core.state not in (State.TOKEN, State.RESUMING, State.LIVE):
            return
        self._tokens += 1
        began_s, lasts_s = (0.0, TOKEN_S) if self._token_s is None else (self.deps.loop.time(), self._token_s)
        ends_s = int(START_S + began_s + lasts_s)
        value = issue_token(self.user_id, self.name, ends_s, self.token_id)
        self.put(core.token(Token(value, self.user_id, ends_s)))

    def _connect(self, core: Core | JavascriptCore) -> None:
        if core is self.core and self.is_online:
            self.put(core.connect())

    def _drop(self, *, is_rude: bool) -> None:
        if self._refusal is not None:
            self._refusal.cancel()
        if self._probe is not None:
            self._probe.drop()
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            attempt.drop(is_rude=is_rude)

    def _due(self, timer: Timer) -> None:
        del self._timers[timer]
        self.put(self.core.due(timer))

    def _stop_timer(self, timer: Timer) -> None:
        if handle := self._timers.pop(timer, None):
            handle.cancel()

    def _stop_timers(self) -> None:
        for timer in Timer:
            self._stop_timer(timer)
