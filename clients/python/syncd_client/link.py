"""One attempt to be connected, and the connection it becomes: tokens from the app, a socket, text both ways."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Response

from syncd_client import messages
from syncd_client.core import Core
from syncd_client.messages import ClientMessage
from syncd_client.outputs import Output, Transport
from syncd_client.problem import read_problem
from syncd_client.token import read_token

logger = logging.getLogger(__name__)

GetToken = Callable[[], Awaitable[str]]
"""The app's callback: a token that is good now. Asked before every attempt, so it should keep a good one at hand."""

Input = Callable[[Core], list[Output]]
"""One thing that happened: calls the core's method for it."""

MAX_MESSAGE_BYTES: Final = 64 << 20
"""A snapshot of 10,000 items has some 2 MiB."""
CLOSE_TIMEOUT_S: Final = 2.0
BROKEN: Final = 1006


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """Follow no redirect: it would carry the token to another place."""
        return exc


class _Connection(ClientConnection):
    """Tells of all bytes that come, those of messages that are not whole yet included."""

    on_bytes: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.on_bytes is not None:
            self.on_bytes()


class Link:
    """Reports to the core through ``put``, up to the end of the connection or until dropped. Thread: the event loop."""

    def __init__(self, url: str, put: Callable[[Input], None]) -> None:
        self._url = url
        self._put_always = put
        self.is_closed = False
        """Whether it will report nothing more."""
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()  # bounded by the core: 64 writes, a token, a ping
        self._tasks: set[asyncio.Task[None]] = set()
        self._question: asyncio.Task[None] | None = None

    def ask_token(self, get_token: GetToken) -> None:
        """Have the core told what the app's callback says; not any more what it says to an earlier question."""
        if self._question is not None:
            self._question.cancel()
        self._question = self._run(self._ask_token(get_token))

    def open(self, transport: Transport, target: str, bearer: str) -> None:
        """Open ``target`` and have the core told all that comes, to the end."""
        if transport is Transport.WEBSOCKET:
            self._run(self._talk(target, bearer))
        else:
            self._run(self._refuse(transport))

    def probe(self, _target: str, _bearer: str) -> None:
        """Have the core told whether a WebSocket can be had."""
        self._run(self._refuse_probe())

    def send(self, message: ClientMessage) -> None:
        """Send ``message`` after the earlier ones."""
        self._outgoing.put_nowait(messages.encode(message))

    def drop(self) -> None:
        """Report nothing more and close, code 1000, at whatever stage."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether something of it is left, its closing handshake perhaps."""
        return bool(self._tasks)

    async def wait_closed(self) -> None:
        """Return when nothing of a dropped link is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _put(self, happened: Input) -> None:
        if not self.is_closed:
            self._put_always(happened)

    def _put_last(self, happened: Input) -> None:
        if not self.is_closed:
            self.is_closed = True  # a renewal may still wait for its token
            self._put_always(happened)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report_failure)
        return task

    async def _ask_token(self, get_token: GetToken) -> None:
        try:
            value = await get_token()
        except Exception as error:
            reason = type(error).__name__
            logger.warning("get_token failed: %s", reason, exc_info=error)
            self._put(partial(Core.token_failed, reason=reason))
        else:
            self._put(_answered(value))

    async def _refuse(self, transport: Transport) -> None:
        self._put_last(partial(Core.open_failed, reason=f"{transport} is not supported"))

    async def _refuse_probe(self) -> None:
        self._put(partial(Core.probed, is_there=False))

    async def _talk(self, target: str, bearer: str) -> None:
        try:
            socket = await _Connect(
                self._url + target,
                create_connection=_Connection,
                additional_headers={"Authorization": f"Bearer {bearer}"},
                compression=None,
                open_timeout=None,  # the core has a timer of its own, before and after opening
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=MAX_MESSAGE_BYTES,
            )
        except InvalidStatus as error:
            self._put_last(_refused(str(error), error.response))
        except (OSError, InvalidHandshake) as error:
            self._put_last(partial(Core.open_failed, reason=str(error) or type(error).__name__))
        else:
            await self._carry(socket)

    async def _carry(self, socket: ClientConnection) -> None:
        assert isinstance(socket, _Connection)
        sending = self._run(self._send_all(socket))
        socket.on_bytes = partial(self._put, Core.heard)
        try:
            self._put(Core.opened)
            while True:
                self._put(partial(Core.received, message=messages.decode(await socket.recv())))
        except ConnectionClosed:
            code = socket.close_code or BROKEN
            self._put_last(partial(Core.closed, code=code, reason=socket.close_reason or f"close code {code}"))
        finally:
            sending.cancel()
            await socket.close()

    async def _send_all(self, socket: ClientConnection) -> None:
        try:
            while True:
                await socket.send(await self._outgoing.get())
        except ConnectionClosed:
            return  # told by the reader


def _answered(value: object) -> Input:
    """Return what the app's callback says with ``value``, which may be anything."""
    match value:
        case str():
            return partial(Core.token, token=read_token(value))
        case None:
            return partial(Core.token_failed, reason="get_token returned None")
        case _:
            return partial(Core.token_unusable, reason=f"get_token must return a text, not {type(value).__name__}")


def _refused(reason: str, response: Response) -> Input:
    status = response.status_code
    problem = read_problem(status, response.headers.get("Content-Type"), bytes(response.body))
    retry_after_s = _retry_after_s(response)
    return partial(Core.open_failed, reason=reason, status=status, retry_after_s=retry_after_s, problem=problem)


def _retry_after_s(response: Response) -> float:
    """Return the seconds of a Retry-After; 0 for its other form, a date: that takes a clock that is right."""
    header = response.headers.get("Retry-After")
    return float(header) if header and header.isascii() and header.isdigit() else 0.0


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        task.get_loop().call_exception_handler({"message": "the connection failed", "exception": error, "task": task})
