"""Waiting for others, but not for long."""

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

T = TypeVar("T")

PATIENCE_S = 5.0
"""For a server's answer."""
TIMEOUT_S = 6.0
"""For a whole check: longer, so that what a client says of its own time-out is heard."""


class Unreachable(Exception):
    """An HTTP server did not answer, or not with what it was asked for; the text says why."""


class Answer(Struct, frozen=True):
    """What an HTTP server said, and between which moments on our clock (seconds since 1970)."""

    body: bytes
    headers: Message
    asked_s: float
    answered_s: float


async def in_thread(work: Callable[[], T]) -> T:
    """Return what ``work()`` does, done beside the loop.

    Unlike ``asyncio.to_thread``'s, the thread does not keep the program from ending, should it hang: in a DNS look-up,
    for one, which nothing can cancel.
    """
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def fetch(url: str) -> Answer:
    """Return the answer to a GET. Blocks.

    Raises:
        Unreachable: there was none, or it was an error.
    """
    asked_s = time.time()
    try:
        with urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - callers pass http(s) only
            return Answer(answer.read(), answer.headers, asked_s, time.time())
    except HTTPError as error:
        error.close()
        raise Unreachable(f"HTTP {error.code} {error.reason}") from None
    except URLError as error:
        raise Unreachable(str(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from None
