"""Fetching an issuer's key set: one GET on a thread, bounded in time and size.

urllib sends it, as it knows the proxies of the environment. It has no deadline for a whole answer, so the socket is
shut down under it: a server that sends a byte now and then holds no thread for longer than others.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Lock
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from msgspec import Struct
from typing_extensions import override

from transport.errors import IssuerUnavailable
from transport.loop.blocking_calls import in_thread

FETCH_TIMEOUT_S: Final = 5.0
"""How long the whole answer may take."""
MAX_KEY_SET_BYTES: Final = 8 * 1024 * 1024
_MAX_SHOWN: Final = 200
"""Characters of what the issuer says that a message may hold."""


class KeySetAnswer(Struct, frozen=True):
    """An issuer's answer; ``body`` is ``None``: the set is still that of the ``ETag`` sent."""

    body: bytes | None
    headers: Message


def check_url(url: str) -> None:
    """Check that ``url`` can be fetched.

    Raises:
        ValueError: it cannot; the text says why, without any password in it.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("it holds characters that no URL has")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no http:// or https:// address")
    if parts.username is not None:
        raise ValueError("it must not hold a user name or password")
    _ = parts.port  # raises ValueError


async def fetch_key_set(
    url: str, user_agent: str, *, etag: str | None = None, timeout_s: float = FETCH_TIMEOUT_S
) -> KeySetAnswer:
    """Return the answer to a GET of ``url``, which ``check_url`` has passed.

    ``etag``: of an answer that the caller has; the server may then say that nothing has changed.

    Raises:
        IssuerUnavailable: there is none within ``timeout_s``, or it is an error; the text says why.
    """
    request = _Request(url, user_agent, etag, timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            return await in_thread(request.send)
    except TimeoutError:
        raise _too_slow(timeout_s) from None
    finally:
        request.abort()


class _Request:
    """One GET; ``send`` blocks, ``abort`` ends it from another thread."""

    def __init__(self, url: str, user_agent: str, etag: str | None, timeout_s: float) -> None:
        headers = {"User-Agent": user_agent, "Accept": "application/json", "Cache-Control": "no-cache"}
        self._request = Request(url, headers=headers | ({"If-None-Match": etag} if etag else {}))  # noqa: S310 - checked
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._is_aborted = False

    def send(self) -> KeySetAnswer:
        """Raises: IssuerUnavailable."""
        opener = build_opener(_NoRedirects, _HTTP(self._connect), _HTTPS(self._connect))
        try:
            with opener.open(self._request, timeout=self._timeout_s) as answer:
                body: bytes = answer.read(MAX_KEY_SET_BYTES + 1)
        except HTTPError as error:
            with error:
                return self._other_than_200(error)
        except (OSError, HTTPException, ValueError) as error:
            cause = error.reason if isinstance(error, URLError) else error
            if isinstance(cause, TimeoutError):
                raise _too_slow(self._timeout_s) from None
            raise IssuerUnavailable(f"{type(cause).__name__}: {cause}"[:_MAX_SHOWN]) from None
        if len(body) > MAX_KEY_SET_BYTES:
            raise IssuerUnavailable(f"the answer is larger than {MAX_KEY_SET_BYTES} bytes")
        return KeySetAnswer(body, answer.headers)

    def abort(self) -> None:
        """End it, wherever it is; idempotent."""
        with self._lock:
            self._is_aborted = True
            for opened in self._sockets:
                _shut_down(opened)
                opened.close()
            self._sockets.clear()

    def _other_than_200(self, error: HTTPError) -> KeySetAnswer:
        if error.code == 304 and self._request.has_header("If-none-match"):
            return KeySetAnswer(None, error.headers)
        location = error.headers.get("Location") if 300 <= error.code < 400 else None
        said = error.reason if location is None else f"and a redirect to {location!r}, which is not followed"
        raise IssuerUnavailable(f"HTTP {error.code} {said}"[:_MAX_SHOWN])

    def _connect(self, address: tuple[str, int], timeout_s: float, source: tuple[str, int] | None) -> socket.socket:
        """Take the place of ``socket.create_connection``.

        What is kept is a duplicate: it outlives a TLS socket's taking the original over, and its number is ours.
        """
        opened = socket.create_connection(address, timeout_s / 2, source)  # the host may have a second address
        opened.settimeout(timeout_s)
        with self._lock:
            if self._is_aborted:
                _shut_down(opened)
            else:
                self._sockets.append(opened.dup())
        return opened


def _too_slow(timeout_s: float) -> IssuerUnavailable:
    return IssuerUnavailable(f"no whole answer within {timeout_s:g} s")


def _shut_down(opened: socket.socket) -> None:
    with suppress(OSError):  # it is not connected any more
        opened.shutdown(socket.SHUT_RDWR)


class _NoRedirects(HTTPRedirectHandler):
    """An issuer's keys come from the configured address, or from nowhere: each redirect is an error."""

    @override
    def redirect_request(self, *_: Any) -> None:
        return None


_Connect = Callable[..., socket.socket]


class _HTTP(HTTPHandler):
    def __init__(self, connect: _Connect) -> None:
        super().__init__()
        self._connect = connect

    @override
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_connecting(HTTPConnection, self._connect), req)


class _HTTPS(HTTPSHandler):
    def __init__(self, connect: _Connect) -> None:
        super().__init__()
        self._connect = connect

    @override
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_connecting(HTTPSConnection, self._connect), req)


def _connecting(kind: type[HTTPConnection], connect: _Connect) -> Any:
    """Return what makes connections of this ``kind`` that ``connect`` opens."""

    def connection(host: str, **options: Any) -> HTTPConnection:
        made = kind(host, **options)
        made._create_connection = connect  # type: ignore[attr-defined]  # http.client's own hook
        return made

    return connection
