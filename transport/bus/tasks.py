"""Ending a task reliably."""

import asyncio
from typing import Any

CANCEL_AGAIN_S = 0.05


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel ``task``, which must not wait for anything while it cleans up, and return when it has ended.

    Cancelling once is not enough: ``asyncio.wait_for``, which both SDKs use, loses a cancellation that coincides with
    its result (Python before 3.12; https://github.com/python/cpython/issues/86296).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_S)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not report it
