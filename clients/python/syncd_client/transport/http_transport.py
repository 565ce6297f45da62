"""The transport where no WebSocket can be had: server-sent events, or one poll after the other, and writes by POST."""

import asyncio
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from syncd_client.core.close_policy import TOKEN_ENDED
from syncd_client.core.core import Core
from syncd_client.data import messages
from syncd_client.data.messages import AnyWrite, Write
from syncd_client.data.register_messages import RegisterWrite
from syncd_client.transport.authorities import authorities
from syncd_client.transport.carrying import BROKEN, Input, Line, refused, retry_after_s
from syncd_client.transport.operations_post import PATH, answers, body_of, count_that_fits
from syncd_client.transport.problem import read_problem
from syncd_client.transport.proxy import ProxyMistakeError, proxy_for_requests
from syncd_client.transport.server_sent_events import EventReader, EventTooLongError

POLLED: Final = 1000
WRITE_TIMEOUT_S: Final = 30.0
MAX_REFUSAL_BYTES: Final = 64 << 10


class _Close(Struct):
    """How the service ends an answer."""

    code: int
    reason: str = ""


class HttpTransport:
    """One connection: an answer that goes on, or one poll after the other. Thread: the event loop.

    Args:
        line: what it reports to.
        address: the service's, ``http://`` or ``https://``.
        bearer: the token.
    """

    def __init__(self, line: Line, address: str, bearer: str) -> None:
        self._line = line
        self._address = address
        self._headers = {"Authorization": f"Bearer {bearer}"}
        self._targets: asyncio.Queue[str] = asyncio.Queue()

    def open(self, target: str) -> None:
        """Open ``target``: the first one, or the next after a poll."""
        self._targets.put_nowait(target)

    async def carry(self) -> None:
        """Read each answer, and send writes beside it, until the connection has ended."""
        try:
            trusted = authorities()
        except OSError as error:
            self._line.put_last(partial(Core.open_failed, reason=str(error) or type(error).__name__))
            return
        try:
            http = httpx.AsyncClient(
                headers=self._headers,
                timeout=None,  # noqa: S113 - the core has timers of its own
                follow_redirects=False,  # a redirect would carry the token elsewhere
                verify=trusted,  # the system's, as for the WebSocket
                proxy=proxy_for_requests(self._address),
                trust_env=False,
            )
        except (ProxyMistakeError, httpx.InvalidURL, ValueError) as error:  # the latter two would repeat it
            mistake = str(error) if isinstance(error, ProxyMistakeError) else type(error).__name__
            self._line.put_last(partial(Core.open_failed, reason=f"the system's proxy cannot be used: {mistake}"))
            return
        async with http:
            reading = asyncio.current_task()
            assert reading is not None
            writing = self._line.run(self._write_all(http, reading))
            try:
                while await self._read(http, await self._targets.get()):
                    pass
            finally:
                writing.cancel()

    async def _read(self, http: httpx.AsyncClient, target: str) -> bool:
        """Report one answer as it comes, and return whether there will be another."""
        is_open = False
        try:
            headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
            async with http.stream("GET", self._address + target, headers=headers) as response:
                if response.status_code != HTTPStatus.OK or not _is_event_stream(response):
                    self._line.put_last(await _refusal(response))
                    return False
                self._line.put(Core.opened)
                is_open = True
                end = await self._read_events(response)
        except (httpx.HTTPError, EventTooLongError) as error:
            reason = str(error) or type(error).__name__
            if is_open:
                self._line.put_last(partial(Core.closed, code=BROKEN, reason=reason))
            else:
                self._line.put_last(partial(Core.open_failed, reason=reason))
            return False
        if end.code == POLLED:
            self._line.put(Core.polled)
            return True
        self._line.put_last(partial(Core.closed, code=end.code, reason=end.reason or f"close code {end.code}"))
        return False

    async def _read_events(self, response: httpx.Response) -> _Close:
        reader = EventReader()
        async for chunk in response.aiter_bytes():
            self._line.put(Core.heard)
            for event in reader.feed(chunk):
                if event.type == "message":
                    self._line.put(partial(Core.received, message=messages.decode(event.data)))
                elif event.type == "close":
                    return _close(event.data)
        return _Close(BROKEN, "the answer ended without a word")

    async def _write_all(self, http: httpx.AsyncClient, reading: "asyncio.Task[None]") -> None:
        outgoing = self._line.outgoing
        waiting: list[AnyWrite] = []
        while True:
            sent = [] if waiting else [await outgoing.get()]
            while not outgoing.empty():
                sent.append(outgoing.get_nowait())
            # The core sends nothing but writes on this transport.
            waiting += [message for message in sent if isinstance(message, Write | RegisterWrite)]
            count = count_that_fits(waiting)
            if not await self._write(http, waiting[:count]):
                reading.cancel()
                return
            del waiting[:count]

    async def _write(self, http: httpx.AsyncClient, writes: Sequence[AnyWrite]) -> bool:
        """Report what the service answers, and return whether the connection goes on."""
        try:
            response = await http.post(
                self._address + PATH,
                content=body_of(writes),
                headers={"Content-Type": "application/json"},
                timeout=WRITE_TIMEOUT_S,  # nothing else would notice: the stream beside it may live on
            )
        except httpx.HTTPError as error:
            reason = f"a write was not answered: {str(error) or type(error).__name__}"
            self._line.put_last(partial(Core.closed, code=BROKEN, reason=reason))
            return False
        status, body = response.status_code, response.content
        header = response.headers.get
        problem = read_problem(status, header("Content-Type"), body)
        said = answers(writes, status, retry_after_s(header("Retry-After")), body, is_own=problem is not None)
        if said is not None:
            for message in said:
                self._line.put(partial(Core.received, message=message))
            return True
        if status == HTTPStatus.UNAUTHORIZED and problem is not None:
            self._line.put_last(partial(Core.closed, code=TOKEN_ENDED, reason=problem))
        else:
            reason = f"a write was answered with status {status}"
            self._line.put_last(partial(Core.closed, code=BROKEN, reason=problem or reason))
        return False


def _is_event_stream(response: httpx.Response) -> bool:
    content_type: str = response.headers.get("Content-Type", "")
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"


async def _refusal(response: httpx.Response) -> Input:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_REFUSAL_BYTES:
            break
    header = response.headers.get
    return refused(response.status_code, header("Content-Type"), header("Retry-After"), body)


def _close(data: bytes) -> _Close:
    try:
        return msgspec.json.decode(data, type=_Close)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Close(BROKEN, "the answer ended without a code")
