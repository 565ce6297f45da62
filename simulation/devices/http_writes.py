"""A device's writes where nothing can be sent on its connection: request after request, each with all that waits."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from syncd_client.data.messages import AnyWrite, ListWrite, Write
from syncd_client.data.register_messages import DeviceWrite, ProgressWrite
from syncd_client.transport.carrying import BROKEN, retry_after_s
from syncd_client.transport.http_transport import WRITE_TIMEOUT_S
from syncd_client.transport.operations_post import PATH, answers, body_of
from syncd_client.transport.problem import read_problem
from typing_extensions import override

from actors.messages.close_codes import TOKEN_ENDED
from simulation.devices.device_port import DevicePort
from simulation.devices.http_connection import HttpConnection
from simulation.devices.http_requests import HttpAnswer, Requests, WholeAnswer

_decoder: Final = msgspec.json.Decoder(Write | ListWrite | ProgressWrite | DeviceWrite)


class HttpWrites:
    """Of one device, beside a stream or polls; dropped, it tells nothing more.

    Args:
        told: is told each message that a WebSocket would have brought.
        failed: is told with which code the connection has ended, and why.
    """

    def __init__(
        self,
        device: DevicePort,
        requests: Requests,
        told: Callable[[bytes], None],
        failed: Callable[[int, str], None],
    ) -> None:
        self._device = device
        self._requests = requests
        self._told = told
        self._failed = failed
        self._waiting: list[str] = []
        self._post: _Post | None = None
        """Under way."""
        self._is_dropped = False

    @property
    def line(self) -> HttpConnection | None:
        """What carries the request that is under way."""
        return None if self._post is None else self._post.line

    def send(self, text: str) -> None:
        """Send a write, together with what else is put out now."""
        self._waiting.append(text)
        if len(self._waiting) == 1:
            self._device.deps.loop.call_soon(self._go_on)

    def drop(self) -> None:
        """Tell nothing more, and end what is under way."""
        self._is_dropped = True
        if self._post is not None:
            self._post.drop()

    def _go_on(self) -> None:
        """Begin the next request, if there is none under way."""
        if self._is_dropped or self._post is not None or not self._waiting:
            return
        texts, self._waiting = self._waiting, []
        writes = [_decoder.decode(text) for text in texts]
        device, line = self._device, self._requests.new_line()
        names = " ".join(write.operation_id or write.id for write in writes)
        device.deps.log.note(device.name, f"sends {names} to {line.place}")
        self._post = _Post(line, writes, self._answered, device.deps.loop)
        self._requests.post(line, PATH, body_of(writes), self._post, may_double=True)

    def _answered(self, post: "_Post", answer: HttpAnswer | None) -> None:
        if self._is_dropped:
            return
        self._post = None
        post.drop()
        if answer is None:
            self._failed(BROKEN, "a write was not answered")
            return
        status, headers = answer.status, answer.headers
        problem = read_problem(status, headers.get("content-type"), answer.body)
        after_s = retry_after_s(headers.get("retry-after"))
        said = answers(post.writes, status, after_s, answer.body, is_own=problem is not None)
        if said is None:
            is_ended = status == HTTPStatus.UNAUTHORIZED and problem is not None
            self._failed(TOKEN_ENDED.code if is_ended else BROKEN, f"a write was answered with {status}")
            return
        for message in said:
            fields: dict[str, Any] = msgspec.to_builtins(message)
            self._told(msgspec.json.encode({name: value for name, value in fields.items() if value is not None}))
        self._go_on()


class _Post(WholeAnswer):
    """One request, and its answer, for no longer than a client waits for it."""

    def __init__(
        self,
        line: HttpConnection,
        writes: Sequence[AnyWrite],
        answered: Callable[["_Post", HttpAnswer | None], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__()
        self.line = line
        self.writes = writes
        self._answered = answered
        self._timeout = loop.call_later(WRITE_TIMEOUT_S, self.lost)

    def drop(self) -> None:
        """Wait no more."""
        self._timeout.cancel()
        self.line.drop(is_rude=False)

    @override
    def read_all(self, answer: HttpAnswer | None) -> None:
        """Tell of it."""
        self._answered(self, answer)
