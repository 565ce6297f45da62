"""A device's connection where no WebSocket can be had: a stream, or one poll after the other, and writes beside it."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from syncd_client.core.outputs import Transport
from syncd_client.core.target import POLL_S
from syncd_client.transport.carrying import BROKEN, retry_after_s
from syncd_client.transport.http_transport import POLLED
from syncd_client.transport.problem import read_problem
from syncd_client.transport.server_sent_events import EventReader
from typing_extensions import override

from actors.messages.close_codes import TOKEN_REVOKED
from simulation.devices.device_port import DevicePort
from simulation.devices.http_connection import HttpConnection
from simulation.devices.http_requests import HttpAnswer, Requests, WholeAnswer
from simulation.devices.http_writes import HttpWrites
from simulation.judges.told import summary
from simulation.judges.watch import ConnectionWatch
from simulation.outside.intermediary import NEW_CONNECTION
from simulation.outside.network import Connection

if TYPE_CHECKING:
    from simulation.judges.commands import CommandWitness

EVENT_STREAM: Final = "text/event-stream"
COMMENT_S: Final = 15.0
"""Between two signs of life of a stream, at most."""
LATE_S: Final = 10.0
"""Beyond that, or beyond a poll's own time, something is overdue: the network takes its time, too."""
COMMANDS: Final = "/api/v1/devices/commands"


class HttpAttempt:
    """One attempt, and the connection it becomes; dropped, it reports nothing more."""

    def __init__(self, device: DevicePort, transport: Transport, target: str, token: str) -> None:
        self._device: DevicePort | None = device
        self._loop = device.deps.loop
        self._requests = Requests(device, token)
        self.is_poll = transport is Transport.POLLING
        """Whether it is connected only now and then."""
        self.is_open = False
        asked = device.deps.witness, device.user_id, device.name, target
        self._watch, self._watch_of_writes = ConnectionWatch(*asked), ConnectionWatch(*asked)
        self._line: HttpConnection | None = None
        self._writes = HttpWrites(device, self._requests, self._answered, self._write_failed)
        self._asked_s = self._heard_s = 0.0
        self.open(target)

    @property
    def connection(self) -> Connection | None:
        """What the world may cut."""
        return None if self._line is None else self._line.connection

    @property
    def connections(self) -> list[Connection]:
        """It, and that of a write that is under way."""
        lines = (self._line, self._writes.line)
        return [line.connection for line in lines if line is not None and line.connection is not None]

    @property
    def is_overdue(self) -> bool:
        """Whether the service owes it a sign of life, or the end of a poll, and its link is fine."""
        connection = self.connection
        if not self.is_open or connection is None or not connection.is_fine:
            return False
        since_s, within_s = (self._asked_s, POLL_S) if self.is_poll else (self._heard_s, COMMENT_S)
        return self._loop.time() - since_s > within_s + LATE_S

    def open(self, target: str) -> None:
        """Ask for ``target``: for a stream, or for the next poll."""
        device = self._device
        if device is None:
            return
        self._watch.end()
        self._watch = ConnectionWatch(device.deps.witness, device.user_id, device.name, target)
        line = self._line
        if line is None or not line.is_idle or device.deps.rng.random() < NEW_CONNECTION:
            if line is not None:
                line.drop(is_rude=False)
            self._line = line = self._requests.new_line()
        verb, query = "polls" if self.is_poll else "streams from", target.partition("?")[2]
        device.deps.log.note(device.name, f"{verb} {line.place}?{query}")
        self._asked_s = self._heard_s = self._loop.time()
        self._requests.get(line, target, _Events(self), may_double=self.is_poll)

    def send(self, text: str) -> None:
        """Send a write."""
        if self._device is not None:
            self._writes.send(text)

    def command(self, target: str, name: str) -> None:
        """Send a command to a device, by a request of its own."""
        device = self._device
        if device is not None:
            line = self._requests.new_line()
            body = msgspec.json.encode({"target_device_id": target, "command_type": name})
            reader = _CommandAnswer(line, device.deps.witness.commands, name)
            self._requests.post(line, COMMANDS, body, reader, may_double=False)

    def cut_in_an_event(self) -> None:
        """Let half of the next event through, and nothing more."""
        if self._line is not None:
            self._line.is_cut_soon = True

    def drop(self, *, is_rude: bool) -> None:
        """Report nothing more, and end."""
        self._device = None
        self._watch.end()
        self._watch_of_writes.end()
        self._writes.drop()
        if self._line is not None:
            self._line.drop(is_rude=is_rude)

    # Of the answer under way

    def heard(self) -> None:
        """Report that something came."""
        self._heard_s = self._loop.time()
        if self._device is not None:
            self._device.put(self._device.core.heard())

    def began(self) -> None:
        """Report that the service answers."""
        if self._device is not None:
            self.is_open = True
            self._device.put(self._device.core.opened())

    def told(self, data: bytes) -> None:
        """Report a message."""
        self._receive(self._watch, data)

    def polled(self) -> None:
        """Report that a poll has ended as it should."""
        if self._device is not None:
            self._watch.end()
            self._device.put(self._device.core.polled())

    def refused(self, answer: HttpAnswer | None) -> None:
        """Report that it does not open, or that nothing came."""
        device = self._device
        if device is None:
            return
        self._let_go(device)
        device.deps.log.note(device.name, f"is not answered: {answer.status if answer else 'reset'}")
        if answer is None:
            device.put(device.core.open_failed("reset"))
            return
        problem = read_problem(answer.status, answer.headers.get("content-type"), answer.body)
        after_s = retry_after_s(answer.headers.get("retry-after"))
        device.put(device.core.open_failed("refused", answer.status, after_s, problem))

    def closed(self, code: int, reason: str) -> None:
        """Report the end."""
        device, connection = self._device, self.connection
        if device is None:
            return
        device.deps.log.note(device.name, f"is closed with {code}")
        self._watch.closed(code, is_link_fine=connection is None or connection.is_fine)
        self._let_go(device)
        device.put(device.core.closed(code, reason))
        if code == TOKEN_REVOKED.code:
            device.sign_in_again()

    # Of writes

    def _answered(self, data: bytes) -> None:
        self._receive(self._watch_of_writes, data)

    def _write_failed(self, code: int, reason: str) -> None:
        device = self._device
        if device is not None:
            device.deps.log.note(device.name, f"gives up: {reason}")
            self._let_go(device)
            device.put(device.core.closed(code, reason))

    # Within

    def _receive(self, watch: ConnectionWatch, data: bytes) -> None:
        device = self._device
        if device is not None:
            told: dict[str, Any] = msgspec.json.decode(data)
            device.deps.log.note(device.name, f"is told {summary(told)}")
            watch.see(told)
            device.received(data)

    def _let_go(self, device: DevicePort) -> None:
        self.drop(is_rude=False)
        device.forget(self)


class _Events(WholeAnswer):
    """Reads a stream, or the answer to a poll."""

    def __init__(self, attempt: HttpAttempt) -> None:
        super().__init__()
        self._attempt = attempt
        self._events = EventReader()
        self._has_begun = False
        self._is_polled = False

    @override
    def began(self, status: int, headers: dict[str, str]) -> None:
        """Know whether it is one."""
        media_type = headers.get("content-type", "").partition(";")[0]
        self._has_begun = status == HTTPStatus.OK and media_type == EVENT_STREAM
        if self._has_begun:
            self._attempt.began()
        else:
            super().began(status, headers)

    @override
    def read(self, data: bytes) -> None:
        """Report what is whole."""
        if not self._has_begun:
            super().read(data)
            return
        self._attempt.heard()
        for event in self._events.feed(data):
            if event.type == "message":
                self._attempt.told(event.data)
            elif event.type == "close":
                close = msgspec.json.decode(event.data)
                self._is_polled = close["code"] == POLLED
                if not self._is_polled:
                    self._attempt.closed(close["code"], close["reason"])

    @override
    def read_all(self, answer: HttpAnswer | None) -> None:
        """Report the end."""
        if self._is_polled:
            self._attempt.polled()
        elif self._has_begun:
            self._attempt.closed(BROKEN, "the answer ended without a word")
        else:
            self._attempt.refused(answer)


class _CommandAnswer(WholeAnswer):
    """Reads what became of a command."""

    def __init__(self, line: HttpConnection, witness: "CommandWitness", name: str) -> None:
        super().__init__()
        self._line = line
        self._witness = witness
        self._name = name

    @override
    def read_all(self, answer: HttpAnswer | None) -> None:
        """Tell it; a device whose request was lost knows nothing."""
        self._line.drop(is_rude=False)
        if answer is not None and answer.status != HTTPStatus.UNAUTHORIZED:
            said = msgspec.json.decode(answer.body)
            later = {HTTPStatus.TOO_MANY_REQUESTS: "try_again_later", HTTPStatus.SERVICE_UNAVAILABLE: "try_again_later"}
            lacking = {HTTPStatus.NOT_FOUND: "not_found"}
            known = {**later, **lacking}.get(HTTPStatus(answer.status))
            self._witness.answered(self._name, known or said.get("code") or said["status"])
