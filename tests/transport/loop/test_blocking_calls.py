"""Calls that block, beside an event loop that does not."""

import asyncio
import threading

import pytest

from tests.timeouts import TIMEOUT_S
from transport.loop.blocking_calls import in_thread


async def test_the_loop_runs_on_while_a_thread_blocks() -> None:
    gate = threading.Event()
    waiting = asyncio.create_task(in_thread(lambda: gate.wait(TIMEOUT_S)))
    asyncio.get_running_loop().call_soon(gate.set)
    assert await waiting is True


async def test_what_the_call_raises_is_raised_where_it_is_awaited() -> None:
    def fail() -> None:
        raise KeyError("nothing there")

    with pytest.raises(KeyError, match="nothing there"):
        await in_thread(fail)


async def test_a_call_that_hangs_is_left_behind_on_a_thread_that_keeps_nobody() -> None:
    gate = threading.Event()
    threads: list[threading.Thread] = []

    def hang() -> None:
        threads.append(threading.current_thread())
        gate.wait(TIMEOUT_S)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_thread(hang)
    gate.set()
    (thread,) = threads
    assert thread.daemon
    await asyncio.to_thread(thread.join, TIMEOUT_S)
