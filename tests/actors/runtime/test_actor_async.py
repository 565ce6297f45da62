"""``async def`` handlers and hooks: one message at a time, while the loop runs on."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRef, ActorRegistry

from actors.runtime import LoopActor

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


class AsyncRecorder(LoopActor):
    """Handles each message by awaiting it, and records when it began and ended."""

    def __init__(self, record: list[Any]) -> None:
        super().__init__()
        self.record = record

    async def on_receive(self, message: Callable[[], Any]) -> Any:
        self.record.append("began")
        try:
            return await message()
        finally:
            self.record.append("ended")

    def on_idle(self) -> None:
        self.record.append("drained")


async def test_an_async_handler_holds_its_mailbox_but_not_the_loop(started: Keep) -> None:
    record: list[Any] = []
    gate = asyncio.Event()
    slow, other = started(AsyncRecorder.start(record)), started(Recorder.start(record, "other drained"))
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


async def test_on_drained_runs_after_an_async_handler_that_emptied_the_mailbox(started: Keep) -> None:
    record: list[Any] = []
    gate = asyncio.Event()
    ref = started(AsyncRecorder.start(record))
    gate.set()
    ref.tell(gate.wait)
    await ref.ask(gate.wait, block=False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert record == ["began", "ended", "began", "ended", "drained"]


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
    await asyncio.wait_for(failed.wait(), WAIT_S)
    with pytest.raises(ActorDeadError, match="stopped before handling"):
        await left_behind


async def test_a_cancelled_handler_is_a_failed_one_and_does_not_cancel_the_asker(started: Keep) -> None:
    async def cancel_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(WAIT_S)

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
        await asyncio.to_thread(ref.actor_stopped.wait, WAIT_S)
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
