import asyncio
from itertools import count

import pytest

from tests.timeouts import TIMEOUT_S
from transport.loop.time_sliced_queue import (
    SLICE_S,
    SLICE_WORKS,
    Storm,
    TimeSlicedQueue,
    time_sliced_queue,
    use_time_sliced_queue,
)


async def test_work_is_done_in_order_and_the_loop_gets_its_turns_between_slices() -> None:
    clock = count()
    done: list[str] = []
    slow = TimeSlicedQueue(
        asyncio.get_running_loop(), lambda: next(clock) * SLICE_S
    )  # each look at the clock is a whole slice
    for number in range(3):
        slow.run(lambda number=number: done.append(f"work {number}"), Storm.ARRIVALS)  # type: ignore[misc]
    for _ in range(3):
        await asyncio.sleep(0)
        done.append("others")
    assert done == ["work 0", "others", "work 1", "others", "work 2", "others"]


async def test_quick_work_shares_a_slice_but_not_too_much_of_it() -> None:
    done: list[int] = []
    quick = TimeSlicedQueue(asyncio.get_running_loop(), lambda: 0.0)
    for number in range(SLICE_WORKS + 1):
        quick.run(lambda number=number: done.append(number), Storm.ARRIVALS)  # type: ignore[misc]
    await asyncio.sleep(0)
    assert done == list(range(SLICE_WORKS))
    await asyncio.sleep(0)
    assert done[-1] == SLICE_WORKS
    quick.run(lambda: done.append(-1), Storm.ARRIVALS)
    await asyncio.sleep(0)
    assert done[-1] == -1


async def test_a_newcomer_does_not_wait_for_all_who_leave() -> None:
    done: list[str] = []
    queue = TimeSlicedQueue(asyncio.get_running_loop(), lambda: 0.0)
    for number in range(1_000):
        queue.run(lambda number=number: done.append(f"{number} left"), Storm.DEPARTURES)  # type: ignore[misc]
    await asyncio.sleep(0)
    queue.run(lambda: done.append("came"), Storm.ARRIVALS)
    await asyncio.sleep(0)
    assert "came" in done[SLICE_WORKS : SLICE_WORKS + 2]
    assert len(done) == 2 * SLICE_WORKS  # who leave go on, too


async def test_who_leave_do_not_wait_for_all_who_come() -> None:
    done: list[str] = []
    queue = TimeSlicedQueue(asyncio.get_running_loop(), lambda: 0.0)
    for number in range(1_000):
        queue.run(lambda number=number: done.append(f"{number} came"), Storm.ARRIVALS)  # type: ignore[misc]
    queue.run(lambda: done.append("left"), Storm.DEPARTURES)
    await asyncio.sleep(0)
    assert done.index("left") == 1


async def test_work_that_raises_does_not_stop_the_rest() -> None:
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    done: list[str] = []

    def fail() -> None:
        raise ValueError("no")

    time_sliced_queue().run(fail, Storm.ARRIVALS)
    time_sliced_queue().run(lambda: done.append("after"), Storm.ARRIVALS)
    for _ in range(2):
        await asyncio.sleep(0)
    assert done == ["after"]
    assert [type(failure) for failure in failures] == [ValueError]


async def test_a_loop_has_one_queue_for_all() -> None:
    assert time_sliced_queue() is time_sliced_queue()


@pytest.mark.parametrize("_", [1, 2])
async def test_another_loop_has_another_queue(_: int) -> None:
    done = asyncio.Event()
    time_sliced_queue().run(done.set, Storm.ARRIVALS)
    await asyncio.wait_for(done.wait(), TIMEOUT_S)


async def test_a_loop_may_have_a_queue_with_another_clock() -> None:
    loop = asyncio.get_running_loop()
    queue = TimeSlicedQueue(loop, lambda: 0.0)
    use_time_sliced_queue(queue, loop)
    assert time_sliced_queue() is queue
