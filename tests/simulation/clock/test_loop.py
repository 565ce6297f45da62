"""Virtual time: it jumps, it ends in an error where nothing can happen, and the order of what is ready may be drawn."""

import asyncio
from collections.abc import Iterator
from contextvars import Context, ContextVar
from random import Random

import pytest

from simulation.clock.loop import DeadlockError, LivelockError, SimulatedLoop


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    loop = SimulatedLoop()
    yield loop
    loop.sweep_up()


def test_time_jumps_to_the_next_timer(loop: SimulatedLoop) -> None:
    seen: list[float] = []

    async def nap() -> None:
        for pause_s in (3600.0, 0.001, 86_400.0 * 30):
            await asyncio.sleep(pause_s)
            seen.append(loop.time())

    loop.run_until_complete(nap())
    assert seen == [3600.0, 3600.001, 3600.001 + 86_400.0 * 30]


def test_nobody_left_to_wait_for_is_an_error(loop: SimulatedLoop) -> None:
    async def wait() -> None:
        await loop.create_future()

    with pytest.raises(DeadlockError):
        loop.run_until_complete(wait())


def test_a_loop_in_which_no_time_passes_is_an_error(loop: SimulatedLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.clock.loop.MAX_IDLE_TURNS", 100)

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(LivelockError):
        loop.run_until_complete(spin())


def order(loop: SimulatedLoop) -> list[int]:
    """The order in which ten callbacks run that are ready at once."""
    ran: list[int] = []

    async def run() -> None:
        for number in range(10):
            loop.call_soon(ran.append, number)
        await asyncio.sleep(1)

    loop.run_until_complete(run())
    loop.sweep_up()
    return ran


def test_what_is_ready_runs_in_order_or_in_one_that_a_seed_draws() -> None:
    assert order(SimulatedLoop()) == list(range(10))
    shuffled = order(SimulatedLoop(Random(1)))
    assert sorted(shuffled) == list(range(10)) != shuffled
    assert order(SimulatedLoop(Random(1))) == shuffled
    assert order(SimulatedLoop(Random(2))) != shuffled


def test_what_nobody_catches_is_kept(loop: SimulatedLoop) -> None:
    async def fail() -> None:
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    loop.run_until_complete(fail())
    (failure,) = loop.failures
    assert isinstance(failure["exception"], ZeroDivisionError)


def test_timers_that_are_set_are_told(loop: SimulatedLoop) -> None:
    timer = loop.call_later(1, print)
    loop.call_later(2, print).cancel()
    assert loop.timers == [timer]


def test_threads_are_refused(loop: SimulatedLoop) -> None:
    async def block() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(NotImplementedError):
        loop.run_until_complete(block())
    with pytest.raises(NotImplementedError):
        loop.call_soon_threadsafe(print)


def test_timers_that_are_due_at_once_run_in_the_order_they_were_set_in(loop: SimulatedLoop) -> None:
    ran: list[int] = []

    async def run() -> None:
        for number in range(10):
            loop.call_at(5, ran.append, number)
        loop.call_at(4, ran.append, -1)
        await asyncio.sleep(6)

    loop.run_until_complete(run())
    assert ran == [-1, *range(10)]


def test_a_timer_that_is_cancelled_neither_runs_nor_takes_time(loop: SimulatedLoop) -> None:
    async def run() -> None:
        first, second = loop.call_later(1, print), loop.call_soon(print)
        loop.call_later(2, first.cancel)
        first.cancel()
        second.cancel()
        await asyncio.sleep(0)
        assert loop.timers
        assert "print" in repr(loop.call_later(3, print))

    loop.run_until_complete(run())
    assert loop.time() == 0
    with pytest.raises(DeadlockError):
        loop.run_forever()
    assert loop.time() == 3
    loop.call_later(1, print).cancel()
    with pytest.raises(DeadlockError):
        loop.run_forever()
    assert loop.time() == 3


def test_a_closed_loop_refuses_what_it_would_never_run() -> None:
    loop = SimulatedLoop()
    loop.sweep_up()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_at(1, print)


def test_a_callback_runs_in_the_context_that_it_was_given_even_an_empty_one(loop: SimulatedLoop) -> None:
    name: ContextVar[str] = ContextVar("name", default="none")
    seen: list[str] = []

    async def run() -> None:
        name.set("set")
        loop.call_soon(lambda: seen.append(name.get()))
        loop.call_soon(lambda: seen.append(name.get()), context=Context())
        loop.call_later(1, lambda: seen.append(name.get()), context=Context())
        await asyncio.sleep(2)

    loop.run_until_complete(run())
    assert seen == ["set", "none", "none"]
