"""Blocking calls off the event loop that a caller can stop waiting for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


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
