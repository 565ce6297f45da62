"""One attempt to connect, and the connection it becomes: tokens from the app, a transport, messages both ways."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from syncd_client.core.core import Core
from syncd_client.core.outputs import Transport
from syncd_client.core.token import read_token
from syncd_client.data.messages import ClientMessage
from syncd_client.transport.carrying import BROKEN, Input
from syncd_client.transport.websocket_transport import can_be_had, talk

if TYPE_CHECKING:
    from syncd_client.transport.http_transport import HttpTransport

logger = logging.getLogger(__name__)

GetToken = Callable[[], Awaitable[str]]
"""The app's callback: a token that is good now. Asked before every attempt, so it should keep a good one at hand."""


class Link:
    """Reports to the core through ``put`` until the connection ends or is dropped. Thread: the event loop."""

    def __init__(self, url: str, put: Callable[[Input], None]) -> None:
        self._url = url
        self._put_always = put
        self.is_closed = False
        """Whether it will report nothing more."""
        self.outgoing: asyncio.Queue[ClientMessage] = asyncio.Queue()
        """Bounded by the core: 64 writes, a token, a ping."""
        self._http: HttpTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._question: asyncio.Task[None] | None = None

    def ask_token(self, get_token: GetToken) -> None:
        """Have the core told what the app's callback answers; an answer to an earlier question counts no more."""
        if self._question is not None:
            self._question.cancel()
        self._question = self.run(self._ask_token(get_token))

    def open(self, transport: Transport, target: str, bearer: str) -> None:
        """Open ``target`` and have the core told all that comes, to the end."""
        if transport is Transport.WEBSOCKET:
            self.run(talk(self, self._url + target, bearer))
        elif self._http is not None:
            self._http.open(target)
        else:
            self._http = self._new_http(bearer)
            self._http.open(target)
            self.run(self._http.carry())

    def probe(self, target: str, bearer: str) -> None:
        """Have the core told whether a WebSocket can be had."""
        self.run(self._probe(target, bearer))

    def send(self, message: ClientMessage) -> None:
        """Send ``message`` after the earlier ones."""
        self.outgoing.put_nowait(message)

    def drop(self) -> None:
        """Report nothing more and close, code 1000, at whatever stage."""
        self.is_closed = True
        for task in self._left:
            task.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether some of its work is unfinished, such as the closing handshake."""
        return bool(self._left)

    async def wait_closed(self) -> None:
        """Return when a dropped link has finished all its work."""
        while left := self._left:
            await asyncio.wait(left)

    @property
    def _left(self) -> set[asyncio.Task[None]]:
        """Its unfinished tasks, without those that an event loop left behind when it ended."""
        return {task for task in self._tasks if not task.done() and not task.get_loop().is_closed()}

    # What its transport reports to

    def put(self, happened: Input) -> None:
        """Tell the core, unless the connection was dropped."""
        if not self.is_closed:
            self._put_always(happened)

    def put_last(self, happened: Input) -> None:
        """Tell the core how the connection has ended, unless it was dropped."""
        if not self.is_closed:
            self.is_closed = True  # or a renewal that still waits for its token would report after this
            self._put_always(happened)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do ``work``, which is cancelled when the connection is dropped."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            task.get_loop().call_exception_handler(
                {"message": "the connection failed", "exception": error, "task": task}
            )
            reason = f"the connection failed: {type(error).__name__}"
            self.put_last(partial(Core.closed, code=BROKEN, reason=reason))

    def _new_http(self, bearer: str) -> "HttpTransport":
        # Imported only where a network lets no WebSocket through: it costs memory and 100 ms.
        from syncd_client.transport.http_transport import HttpTransport  # noqa: PLC0415

        return HttpTransport(self, self._url.replace("ws", "http", 1), bearer)

    async def _probe(self, target: str, bearer: str) -> None:
        is_there = await can_be_had(self._url + target, bearer)
        self.put(partial(Core.probed, is_there=is_there))

    async def _ask_token(self, get_token: GetToken) -> None:
        try:
            value = await get_token()
        except Exception as error:
            reason = type(error).__name__
            logger.warning("get_token failed: %s", reason, exc_info=error)
            self.put(partial(Core.token_failed, reason=reason))
        else:
            self.put(_answered(value))


def _answered(value: object) -> Input:
    """Return what the core is told of the callback's answer, which may be anything."""
    match value:
        case str():
            return partial(Core.token, token=read_token(value))
        case None:
            return partial(Core.token_failed, reason="get_token returned None")
        case _:
            return partial(Core.token_unusable, reason=f"get_token must return a text, not {type(value).__name__}")
