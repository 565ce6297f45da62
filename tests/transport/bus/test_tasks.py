"""A task is ended for certain, also one that loses a cancellation, and none leaves an error that nobody reads."""

import asyncio

import pytest

from tests.timeouts import TIMEOUT_S
from transport.bus.tasks import end


async def test_a_task_that_loses_cancellations_is_cancelled_again() -> None:
    lost = 0

    async def forgetful() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.sleep(TIMEOUT_S)
            except asyncio.CancelledError:
                lost += 1
        await asyncio.sleep(TIMEOUT_S)

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)
    async with asyncio.timeout(TIMEOUT_S):
        await end(task)
    assert (task.cancelled(), lost) == (True, 2)


async def test_a_task_that_has_ended_is_left_as_it_is() -> None:
    task = asyncio.create_task(asyncio.sleep(0, "done"))
    await task
    await end(task)
    assert task.result() == "done"


async def test_what_it_raises_at_its_end_is_nobodys(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ConnectionResetError

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await end(task)
    del task
    assert caplog.records == []  # asyncio says it when an exception was never retrieved
