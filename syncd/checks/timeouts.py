"""Requests and blocking calls that a check can stop waiting for."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from email.message import Message
from http.client import HTTPException
from threading import Thread
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from msgspec import Struct

from syncd.errors import Unreachable

T = TypeVar("T")

ANSWER_TIMEOUT_S = 5.0
"""For one answer of a server."""
CHECK_TIMEOUT_S = 6.0
"""For a whole check: longer than one answer, so that a client can still report its own time-out."""


class Answer(Struct, frozen=True):
    """An HTTP answer, and when it was asked for and received by our clock (seconds since 1970)."""

    body: bytes
    headers: Message
    asked_s: float
    answered_s: float


async def in_thread(work: Callable[[], T]) -> T:
    """Run ``work()`` in a thread and return its result.

    It is a daemon thread: unlike that of ``asyncio.to_thread``, it cannot keep the program from exiting when it hangs,
    for example in a DNS look-up, which nothing can cancel.
    """
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def fetch(url: str) -> Answer:
    """Send a GET and return its answer. Blocks.

    Raises:
        Unreachable: there was none, or it was an error.
    """
    asked_s = time.time()
    try:
        with urlopen(url, timeout=ANSWER_TIMEOUT_S) as answer:  # noqa: S310 - callers pass http(s) only
            return Answer(answer.read(), answer.headers, asked_s, time.time())
    except HTTPError as error:
        error.close()
        raise Unreachable(f"HTTP {error.code} {error.reason}") from None
    except URLError as error:
        raise Unreachable(str(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None
