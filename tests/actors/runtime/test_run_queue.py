"""Which loop an actor runs on, and how the actors of one loop share it."""

import asyncio
import threading
from typing import Any

import pytest
from pykka import ActorRegistry

from actors.runtime import MESSAGES_PER_TURN, use_loop
from actors.runtime.run_queue import SLICE_MESSAGES, run_queue_for_new_actor
from tests.fakes.recorder import Keep, Recorder
from tests.timeouts import TIMEOUT_S


async def test_an_actor_started_on_a_running_loop_runs_on_that_loop(started: Keep) -> None:
    ref = started(Recorder.start([]))
    assert await ref.ask(lambda actor: asyncio.get_running_loop(), block=False) is asyncio.get_running_loop()
    assert await ref.ask(lambda actor: threading.current_thread(), block=False) is threading.current_thread()


def test_without_any_loop_the_start_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="use_loop"):
        Recorder.start([])
    assert ActorRegistry.get_all() == []


def test_a_closed_named_loop_is_refused() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    use_loop(loop)
    try:
        with pytest.raises(RuntimeError, match="closed"):
            Recorder.start([])
    finally:
        use_loop(None)
    assert ActorRegistry.get_all() == []


def test_the_running_loop_is_preferred_to_the_named_one() -> None:
    named = asyncio.new_event_loop()
    use_loop(named)

    async def start_and_stop() -> bool:
        ref = Recorder.start([])
        loop = await ref.ask(lambda actor: asyncio.get_running_loop(), block=False)
        await ref.stop(block=False)
        return loop is asyncio.get_running_loop()

    try:
        assert asyncio.run(start_and_stop())
    finally:
        use_loop(None)
        named.close()


async def test_actors_that_never_run_dry_do_not_starve_the_loop(started: Keep) -> None:
    is_over = False
    handled = 0

    def again(actor: Recorder) -> None:
        nonlocal handled
        handled += 1
        if not is_over:
            actor.actor_ref.tell(again)

    for _ in range(10):
        started(Recorder.start([])).tell(again)
    for _ in range(20):
        before = handled
        await asyncio.sleep(0)
        assert handled - before <= SLICE_MESSAGES + MESSAGES_PER_TURN
    assert handled > 20
    is_over = True


async def test_an_actor_that_is_ready_twice_over_gets_one_turn(started: Keep) -> None:
    class Counting(Recorder):
        def _actor_take_turn(self) -> int:
            self.record.append("turn")
            return super()._actor_take_turn()

    record: list[Any] = []
    ref: Any = started(Counting.start(record))
    await asyncio.sleep(0)
    record.clear()
    for _ in range(2):  # as when two threads tell it something at once
        assert run_queue_for_new_actor().schedule(ref.actor_inbox)
    await asyncio.sleep(0)
    assert record == ["turn"]


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often other threads wake it."""

    wake_ups = 0

    def call_soon_threadsafe(  # type: ignore[override] # typeshed's has variadic generics
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        self.wake_ups += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_many_actors_made_ready_by_a_thread_wake_the_loop_once() -> None:
    loop = CountingLoop()

    async def scenario() -> int:
        record: list[Any] = []
        refs = [Recorder.start(record) for _ in range(50)]
        for ref in refs:
            await ref.ask("ready", block=False)
        loop.wake_ups = 0

        def tell_all() -> None:
            for ref in refs:
                ref.tell("from a thread")

        thread = threading.Thread(target=tell_all)
        thread.start()
        thread.join(TIMEOUT_S)  # blocks the loop on purpose: nothing is handled meanwhile
        wake_ups = loop.wake_ups
        for ref in refs:
            await ref.stop(block=False)
        assert record.count("from a thread") == 50
        return wake_ups

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(scenario()) == 1


async def test_a_base_exception_out_of_a_hook_leaves_the_other_actors_running(started: Keep) -> None:
    class Fatal(BaseException):
        pass

    class Bomb(Recorder):
        def on_start(self) -> None:
            raise Fatal

    reports: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context["exception"]))
    bomb = Bomb.start([])
    ref = started(Recorder.start([]))
    assert await ref.ask("alive", block=False) is None
    assert [type(report) for report in reports] == [Fatal]
    ActorRegistry.unregister(bomb)
