"""What the event loop adds to Pykka's contract: its choice, turns, ``on_idle``, mixing with threads."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRef, ActorRegistry, ThreadingActor

from actors.runtime import MESSAGES_PER_TURN, BlockingActor, LoopActor, use_loop
from actors.runtime.inbox import SLICE_MESSAGES

WAIT_S = 5.0

Keep = Callable[[ActorRef[Any]], ActorRef[Any]]


class Recorder(LoopActor):
    """Records its messages, calls those that can be called, raises exceptions, and marks where it was drained."""

    def __init__(self, record: list[Any], mark: str = "drained") -> None:
        super().__init__()
        self.record = record
        self.mark = mark

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message(self)
        self.record.append(message)
        return None

    def on_idle(self) -> None:
        self.record.append(self.mark)


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


async def test_what_would_block_the_loop_is_refused_and_not_sent(started: Keep) -> None:
    record: list[Any] = []
    ref = started(Recorder.start(record))
    for block in (lambda: ref.ask("asked"), ref.stop, ref.ask("sent", block=False).get):
        with pytest.raises(RuntimeError, match="running event loop"):
            block()
    assert await ref.ask("alive", block=False) is None
    assert record == ["sent", "alive", "drained"]


async def test_dead_actors_need_no_blocking_and_answer_at_once() -> None:
    ref = Recorder.start([])
    assert await ref.stop(block=False) is True
    assert ref.stop() is False
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?")


async def test_on_drained_runs_once_after_what_had_piled_up(started: Keep) -> None:
    record: list[Any] = []
    ref = started(Recorder.start(record))
    for number in range(3):
        ref.tell(number)
    await ref.ask("last", block=False)
    await ref.ask("another burst", block=False)
    assert record == [0, 1, 2, "last", "drained", "another burst", "drained"]


async def test_on_drained_does_not_run_before_the_first_message(started: Keep) -> None:
    record: list[Any] = []
    started(Recorder.start(record))
    await asyncio.sleep(0)
    assert record == []


@pytest.mark.actors_may_fail
async def test_an_exception_in_on_drained_ends_the_actor_as_a_told_one_does() -> None:
    failures: list[BaseException] = []

    class Clogged(Recorder):
        def on_idle(self) -> None:
            raise ValueError("clogged")

        def on_failure(self, *exc_info: Any) -> None:
            failures.append(exc_info[1])

    ref = Clogged.start([])
    await ref.ask("message", block=False)
    assert await ref.stop(block=False) is False
    assert [str(failure) for failure in failures] == ["clogged"]


async def test_a_busy_actor_yields_after_a_bounded_turn(started: Keep) -> None:
    record: list[Any] = []
    busy, other = started(Recorder.start(record)), started(Recorder.start(record, "other drained"))
    for number in range(2 * MESSAGES_PER_TURN):
        busy.tell(number)
    await other.ask("other", block=False)
    assert record[:MESSAGES_PER_TURN] == list(range(MESSAGES_PER_TURN))
    assert record[MESSAGES_PER_TURN] == "other"


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
        thread.join(WAIT_S)  # blocks the loop on purpose: nothing is handled meanwhile
        wake_ups = loop.wake_ups
        for ref in refs:
            await ref.stop(block=False)
        assert record.count("from a thread") == 50
        return wake_ups

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(scenario()) == 1


async def test_messages_of_many_threads_arrive_all_and_in_each_senders_order(started: Keep) -> None:
    record: list[Any] = []
    ref = started(Recorder.start(record))
    senders, messages = 4, 2_000

    def send(sender: int) -> None:
        for number in range(messages):
            ref.tell([sender, number])

    await asyncio.gather(*(asyncio.to_thread(send, sender) for sender in range(senders)))
    await ref.ask("end", block=False)
    for sender in range(senders):
        assert [m[1] for m in record if isinstance(m, list) and m[0] == sender] == list(range(messages))


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


async def test_the_loop_can_ask_thread_actors_and_they_can_ask_loop_actors(started: Keep) -> None:
    class Relay(BlockingActor):
        def on_receive(self, message: ActorRef[Any]) -> Any:
            return message.ask(lambda actor: threading.current_thread(), timeout=WAIT_S)

    class StockRelay(ThreadingActor):
        def on_receive(self, message: ActorRef[Any]) -> Any:
            return message.ask(lambda actor: threading.current_thread(), timeout=WAIT_S)

    target = started(Recorder.start([]))
    relay = started(Relay.start())
    assert await relay.ask(target, block=False) is threading.current_thread()
    stock_relay = StockRelay.start()
    assert await asyncio.to_thread(stock_relay.ask, target) is threading.current_thread()
    await asyncio.to_thread(stock_relay.stop)


def test_an_actor_whose_loop_was_closed_is_dead_and_nobody_waits_for_it() -> None:
    loop = asyncio.new_event_loop()
    use_loop(loop)
    never_ran, ran = Recorder.start([]), Recorder.start([])
    left_behind = never_ran.ask("lost", block=False)
    loop.call_soon(loop.stop)
    loop.run_forever()
    idle_then_told = Recorder.start([])
    loop.close()
    use_loop(None)
    assert left_behind.get(timeout=WAIT_S) is None
    assert ran.stop(timeout=WAIT_S) is True
    assert never_ran.stop(timeout=WAIT_S) is True
    with pytest.raises(ActorDeadError):
        idle_then_told.ask("anybody?", timeout=WAIT_S)
    for ref in (ran, never_ran, idle_then_told):
        assert not ref.is_alive()
    assert ActorRegistry.get_all() == []


def test_telling_an_idle_actor_of_a_closed_loop_ends_it() -> None:
    async def start() -> ActorRef[Any]:
        ref = Recorder.start([])
        await ref.ask("hello", block=False)
        return ref

    ref = asyncio.run(start())
    ref.tell("into the void")
    assert not ref.is_alive()
    with pytest.raises(ActorDeadError):
        ref.tell("again")
