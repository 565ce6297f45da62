"""``LoopFuture``: awaited without blocking a loop, waited for by threads, composed as Pykka's futures are."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pykka import Future, ThreadingFuture, Timeout

from actors.runtime.future import LoopFuture
from tests.timeouts import TIMEOUT_S


def in_thread(func: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=func)
    thread.start()
    return thread


async def test_awaiting_lets_the_loop_run_on_until_another_thread_sets_the_value() -> None:
    future: LoopFuture[int] = LoopFuture()
    waiting = [asyncio.ensure_future(future) for _ in range(3)]
    await asyncio.sleep(0)
    in_thread(lambda: future.set(7)).join(TIMEOUT_S)
    assert await asyncio.wait_for(asyncio.gather(*waiting), TIMEOUT_S) == [7, 7, 7]


async def test_awaiting_raises_the_exception_that_was_set() -> None:
    future: LoopFuture[int] = LoopFuture()
    asyncio.get_running_loop().call_soon(future.set_exception, (ValueError, None, None))
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        await future


def test_a_value_is_awaited_on_any_loop() -> None:
    future: LoopFuture[int] = LoopFuture()

    async def wait() -> int:
        return await future

    results: list[int] = []
    threads = [in_thread(lambda: results.append(asyncio.run(wait()))) for _ in range(2)]
    future.set(1)
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert results == [1, 1]


async def test_a_cancelled_awaiter_leaves_the_future_to_the_others() -> None:
    future: LoopFuture[int] = LoopFuture()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.ensure_future(future), 0.001)
    future.set(3)
    assert await future == 3


async def test_get_on_a_running_loop_refuses_to_wait_but_reads_what_is_set() -> None:
    future: LoopFuture[int] = LoopFuture()
    with pytest.raises(RuntimeError, match="await the future"):
        future.get()
    with pytest.raises(RuntimeError, match="await the future"):
        future.map(str).get(timeout=1)
    with pytest.raises(Timeout):
        future.get(timeout=0)
    future.set(5)
    assert future.get() == 5
    assert future.map(str).get() == "5"


def test_a_thread_waits_for_the_value_and_no_longer_than_its_timeout() -> None:
    future: LoopFuture[str] = LoopFuture()
    with pytest.raises(Timeout, match=r"0\.001 seconds"):
        future.get(timeout=0.001)
    results: list[str] = []
    thread = in_thread(lambda: results.append(future.get(timeout=TIMEOUT_S)))
    future.set("there")
    thread.join(TIMEOUT_S)
    assert results == ["there"]


def test_a_thread_that_waits_is_woken_by_a_late_get_hook() -> None:
    future: LoopFuture[str] = LoopFuture()
    results: list[str] = []
    thread = in_thread(lambda: results.append(future.get(timeout=TIMEOUT_S)))
    future.set_get_hook(lambda timeout: "hooked")
    thread.join(TIMEOUT_S)
    assert results == ["hooked"]


def test_a_future_has_one_result_or_one_hook() -> None:
    resolved: LoopFuture[int] = LoopFuture()
    resolved.set(1)
    hooked: LoopFuture[int] = LoopFuture()
    hooked.set_get_hook(lambda timeout: 2)
    attempts: list[Callable[[], None]] = [
        lambda: resolved.set(3),
        lambda: resolved.set_exception((ValueError, None, None)),
        lambda: resolved.set_get_hook(lambda timeout: 3),
        lambda: hooked.set(3),
    ]
    for again in attempts:
        with pytest.raises(queue.Full):
            again()
    assert (resolved.get(), hooked.get()) == (1, 2)


async def test_derived_futures_are_awaited_without_blocking_the_loop() -> None:
    numbers: LoopFuture[Any] = LoopFuture()
    other: LoopFuture[Any] = LoopFuture()
    derived: list[Future[Any]] = [
        numbers.map(len),
        numbers.filter(lambda number: number > 1),
        numbers.reduce(lambda total, number: total + number, 10),
        numbers.join(other),
        numbers.join(other).map(list).map(len),
    ]
    waiting = [asyncio.ensure_future(future) for future in derived]
    asyncio.get_running_loop().call_soon(numbers.set, [1, 2, 3])
    asyncio.get_running_loop().call_later(0, other.set, "other")
    assert await asyncio.gather(*waiting) == [3, [2, 3], 16, [[1, 2, 3], "other"], 2]


async def test_a_derived_futures_function_runs_once_and_its_exception_is_raised() -> None:
    calls: list[int] = []
    future: LoopFuture[int] = LoopFuture()
    mapped = future.map(calls.append)
    broken = future.map(lambda number: number // 0)
    future.set(1)
    await mapped
    await mapped
    assert mapped.get() is None
    assert calls == [1]
    with pytest.raises(ZeroDivisionError):
        await broken


def test_two_threads_that_read_a_derived_future_compute_it_once() -> None:
    gate = threading.Event()
    calls: list[int] = []
    future: LoopFuture[int] = LoopFuture()

    def compute(number: int) -> int:
        calls.append(number)
        gate.wait(TIMEOUT_S)
        return number

    mapped = future.map(compute)
    future.set(1)
    results: list[int] = []
    threads = [in_thread(lambda: results.append(mapped.get())) for _ in range(2)]
    gate.set()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert (results, calls) == ([1, 1], [1])


async def test_the_loop_does_not_wait_for_a_thread_that_is_computing() -> None:
    is_computing, gate = threading.Event(), threading.Event()
    future: LoopFuture[int] = LoopFuture()

    def compute(number: int) -> int:
        is_computing.set()
        assert gate.wait(TIMEOUT_S)
        return number

    mapped = future.map(compute)
    future.set(1)
    thread = in_thread(mapped.get)
    await asyncio.to_thread(is_computing.wait, TIMEOUT_S)
    with pytest.raises(RuntimeError, match="await the future"):
        mapped.get()
    with pytest.raises(Timeout):
        mapped.get(timeout=0)
    waiting = asyncio.ensure_future(mapped)
    asyncio.get_running_loop().call_soon(gate.set)
    assert await waiting == 1
    thread.join(TIMEOUT_S)


async def test_a_foreign_get_hook_and_a_thread_future_are_awaited_off_the_loop() -> None:
    gate = threading.Event()
    hooked: LoopFuture[str] = LoopFuture()
    hooked.set_get_hook(lambda timeout: "opened" if gate.wait(TIMEOUT_S) else "never")
    foreign: ThreadingFuture[str] = ThreadingFuture()
    resolved: LoopFuture[str] = LoopFuture()
    resolved.set("resolved")
    waiting = asyncio.ensure_future(hooked.map(str.upper))
    joined = asyncio.ensure_future(resolved.join(foreign))
    asyncio.get_running_loop().call_soon(gate.set)
    asyncio.get_running_loop().call_soon(foreign.set, "foreign")
    assert await waiting == "OPENED"
    assert await joined == ["resolved", "foreign"]


def test_done_callbacks_run_in_order_on_the_setting_thread_and_late_ones_at_once() -> None:
    future: LoopFuture[int] = LoopFuture()
    calls: list[Any] = []
    future.add_done_callback(lambda done: calls.append(("first", done.get(), threading.current_thread())))
    future.add_done_callback(lambda done: calls.append("second"))
    setter = in_thread(lambda: future.set(1))
    setter.join(TIMEOUT_S)
    assert calls == [("first", 1, setter), "second"]
    future.add_done_callback(lambda done: calls.append(threading.current_thread()))
    assert calls[2] is threading.current_thread()


def test_a_raising_done_callback_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    future: LoopFuture[int] = LoopFuture()
    calls: list[int] = []
    future.add_done_callback(lambda done: 1 // 0)
    future.add_done_callback(lambda done: calls.append(done.get()))
    future.set(1)
    assert calls == [1]
    assert "ZeroDivisionError" in caplog.text


def test_a_derived_future_makes_its_result_when_it_is_read_so_it_calls_back_at_once() -> None:
    future: LoopFuture[int] = LoopFuture()
    doubled = future.map(lambda number: 2 * number)
    assert isinstance(doubled, LoopFuture)
    calls: list[object] = []
    doubled.add_done_callback(calls.append)
    assert calls == [doubled]
    future.set(1)
    assert doubled.get() == 2


async def test_an_awaiter_that_is_cancelled_while_a_thread_sets_the_value_stays_cancelled() -> None:
    future: LoopFuture[int] = LoopFuture()
    waiting = asyncio.ensure_future(future)
    await asyncio.sleep(0)
    in_thread(lambda: future.set(1)).join(TIMEOUT_S)  # the loop is told, and has not yet heard
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await future == 1


async def test_an_awaiter_that_is_cancelled_while_a_get_hook_is_set_stays_cancelled() -> None:
    future: LoopFuture[str] = LoopFuture()
    waiting = asyncio.ensure_future(future)
    await asyncio.sleep(0)
    future.set_get_hook(lambda timeout: "hooked")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await future == "hooked"


def test_a_value_may_be_set_after_an_awaiters_loop_was_closed(caplog: pytest.LogCaptureFixture) -> None:
    future: LoopFuture[int] = LoopFuture()
    awaiting = future.__await__()

    async def begin() -> None:
        next(awaiting)

    asyncio.run(begin())
    future.set(1)
    assert future.get() == 1
    assert caplog.records == []


def test_a_thread_that_waits_for_another_threads_computation_gets_a_timeout() -> None:
    is_computing, gate = threading.Event(), threading.Event()
    hooked: LoopFuture[bool] = LoopFuture()

    def compute(timeout: float | None) -> bool:
        is_computing.set()
        return gate.wait(TIMEOUT_S)

    hooked.set_get_hook(compute)
    thread = in_thread(hooked.get)
    assert is_computing.wait(TIMEOUT_S)
    with pytest.raises(Timeout, match=r"0\.001 seconds"):
        hooked.get(timeout=0.001)
    gate.set()
    thread.join(TIMEOUT_S)
    assert hooked.get() is True
