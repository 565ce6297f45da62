"""The answer of an HTTP server to a check, which waits for it no longer than for any other answer."""

import ssl
import time
from email.message import Message
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from msgspec import Struct

from syncd.checks.timeouts import ANSWER_TIMEOUT_S
from syncd.errors import Unreachable


class HttpAnswer(Struct, frozen=True):
    """An HTTP answer, and when it was asked for and received by our clock (seconds since 1970)."""

    body: bytes
    headers: Message
    asked_s: float
    answered_s: float


def fetch(url: str, context: ssl.SSLContext | None = None, *, is_here: bool = False) -> HttpAnswer:
    """Send a GET and return its answer. Blocks.

    Args:
        url: http(s) only.
        context: for https, in place of the usual one.
        is_here: it is on this machine: no proxy of the environment reaches it.

    Raises:
        Unreachable: there was none, or it was an error.
    """
    proxies = ProxyHandler({}) if is_here else ProxyHandler()
    asked_s = time.time()
    try:
        with build_opener(proxies, HTTPSHandler(context=context)).open(url, timeout=ANSWER_TIMEOUT_S) as answer:
            return HttpAnswer(answer.read(), answer.headers, asked_s, time.time())
    except HTTPError as error:
        error.close()
        raise Unreachable(f"HTTP {error.code} {error.reason}") from None
    except URLError as error:
        raise Unreachable(str(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None
