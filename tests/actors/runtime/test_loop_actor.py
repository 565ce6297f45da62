"""What ``LoopActor`` adds to Pykka's contract: bounded turns, ``on_idle``, ``async def`` handlers and hooks."""

import asyncio
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRegistry

from actors.runtime import MESSAGES_PER_TURN, LoopActor
from tests.fakes.recorder import AsyncRecorder, Keep, Recorder
from tests.timeouts import TIMEOUT_S


async def test_on_idle_runs_once_after_what_had_piled_up(started: Keep) -> None:
    record: list[Any] = []
    ref = started(Recorder.start(record))
    for number in range(3):
        ref.tell(number)
    await ref.ask("last", block=False)
    await ref.ask("another burst", block=False)
    assert record == [0, 1, 2, "last", "idle", "another burst", "idle"]


async def test_on_idle_does_not_run_before_the_first_message(started: Keep) -> None:
    record: list[Any] = []
    started(Recorder.start(record))
    await asyncio.sleep(0)
    assert record == []


@pytest.mark.actors_may_fail
async def test_an_exception_in_on_idle_ends_the_actor_as_a_told_one_does() -> None:
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
    busy, other = started(Recorder.start(record)), started(Recorder.start(record, "other idle"))
    for number in range(2 * MESSAGES_PER_TURN):
        busy.tell(number)
    await other.ask("other", block=False)
    assert record[:MESSAGES_PER_TURN] == list(range(MESSAGES_PER_TURN))
    assert record[MESSAGES_PER_TURN] == "other"


async def test_an_async_handler_holds_its_mailbox_but_not_the_loop(started: Keep) -> None:
    record: list[Any] = []
    gate = asyncio.Event()
    slow, other = started(AsyncRecorder.start(record)), started(Recorder.start(record, "other idle"))
    first = slow.ask(gate.wait, block=False)
    second = slow.ask(gate.wait, block=False)
    await other.ask("meanwhile", block=False)
    await other.ask("meanwhile", block=False)
    held = list(record)
    gate.set()
    assert await first is True
    assert await second is True
    assert held.count("began") == 1
    assert held.count("meanwhile") == 2
    assert [entry for entry in record if entry in ("began", "ended")] == ["began", "ended"] * 2


async def test_on_idle_runs_after_an_async_handler_that_emptied_the_mailbox(started: Keep) -> None:
    record: list[Any] = []
    gate = asyncio.Event()
    ref = started(AsyncRecorder.start(record))
    gate.set()
    ref.tell(gate.wait)
    await ref.ask(gate.wait, block=False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert record == ["began", "ended", "began", "ended", "idle"]


async def test_an_async_handlers_exception_goes_to_the_asker(started: Keep) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    ref = started(AsyncRecorder.start([]))
    with pytest.raises(ValueError, match="mine"):
        await ref.ask(fail, block=False)
    assert ref.is_alive()


@pytest.mark.actors_may_fail
async def test_an_async_handlers_exception_nobody_asked_for_ends_the_actor() -> None:
    failed = asyncio.Event()

    class Frail(LoopActor):
        async def on_receive(self, message: Exception) -> None:
            await asyncio.sleep(0)
            raise message

        async def on_failure(self, *_: object) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            failed.set()

    ref = Frail.start()
    ref.tell(ValueError())
    left_behind = ref.ask(ValueError(), block=False)
    await asyncio.wait_for(failed.wait(), TIMEOUT_S)
    with pytest.raises(ActorDeadError, match="stopped before handling"):
        await left_behind


async def test_a_cancelled_handler_is_a_failed_one_and_does_not_cancel_the_asker(started: Keep) -> None:
    async def cancel_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(TIMEOUT_S)

    ref = started(AsyncRecorder.start([]))
    with pytest.raises(RuntimeError, match="cancelled"):
        await ref.ask(cancel_itself, block=False)
    assert ref.is_alive()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_base_exception_stops_all_actors_in_reverse_order(is_async: bool) -> None:
    class Fatal(BaseException):
        pass

    async def fail() -> None:
        raise Fatal

    record: list[Any] = []

    class Leaver(AsyncRecorder):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self.record.append(self.actor_ref)

    refs = [Leaver.start(record) for _ in range(2)]
    culprit = Leaver.start(record) if is_async else Recorder.start([])
    with pytest.raises(ActorDeadError):
        await culprit.ask(fail if is_async else Fatal(), block=False)
    for ref in refs:
        await asyncio.to_thread(ref.actor_stopped.wait, TIMEOUT_S)
        await ref.stop(block=False)
    assert [entry for entry in record if entry in refs] == refs[::-1]
    assert (culprit in record) is is_async


async def test_hooks_may_be_coroutines_and_order_is_kept() -> None:
    record: list[Any] = []

    class Careful(Recorder):
        async def on_start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self.record.append("started")

        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self.record.append("stopped")

    ref = Careful.start(record)
    ref.tell("message")
    assert await ref.stop(block=False) is True
    assert record[0] == "started"
    assert record[1] == "message"
    assert record[-1] == "stopped"


@pytest.mark.actors_may_fail
async def test_a_coroutine_hook_that_raises_stops_the_actor() -> None:
    class StillBorn(LoopActor):
        async def on_start(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            raise ValueError

    ref = StillBorn.start()
    with pytest.raises(ActorDeadError):
        await ref.ask("message", block=False)
    assert ActorRegistry.get_all() == []
