"""A request names its answer's type; a start can be waited for, and so can a stop."""

import asyncio

import pytest
from pykka import ActorDeadError

from actors.runtime import BlockingActor, LoopActor
from actors.runtime.ask import Request, ask, stopped
from actors.runtime.ask import started as has_started
from tests.fakes.recorder import Keep, Recorder


class Half(Request[float], frozen=True):
    """Answered with half of ``number``."""

    number: int


class Halver(LoopActor):
    def on_receive(self, message: Half) -> float:
        if message.number < 0:
            raise ValueError("negative")
        return message.number / 2


class BlockingHalver(BlockingActor):
    def on_receive(self, message: Half) -> float:
        return message.number / 2


@pytest.mark.parametrize("halver", [Halver, BlockingHalver])
async def test_an_answer_is_awaited(started: Keep, halver: type[Halver | BlockingHalver]) -> None:
    assert await ask(started(halver.start()), Half(3)) == 1.5


async def test_what_the_handler_raises_is_the_askers(started: Keep) -> None:
    halver = started(Halver.start())
    with pytest.raises(ValueError, match="negative"):
        await ask(halver, Half(-1))
    assert await ask(halver, Half(1)) == 0.5


async def test_whoever_asks_the_dead_is_told() -> None:
    halver = Halver.start()
    await stopped(halver)
    with pytest.raises(ActorDeadError):
        await ask(halver, Half(1))


async def test_a_start_is_awaited_to_its_end() -> None:
    gate = asyncio.Event()
    record: list[str] = []

    class Slow(Recorder):
        async def on_start(self) -> None:  # type: ignore[override]
            await gate.wait()
            self.record.append("started")

    ref = Slow.start(record)
    asyncio.get_running_loop().call_soon(gate.set)
    await has_started(ref)
    assert record[0] == "started"
    await stopped(ref)


@pytest.mark.actors_may_fail
async def test_a_start_that_fails_is_told_to_who_waits_for_it() -> None:
    class StillBorn(LoopActor):
        def on_start(self) -> None:
            raise ValueError("no database")

    with pytest.raises(ActorDeadError):
        await has_started(StillBorn.start())


async def test_a_stop_comes_behind_the_messages_that_wait() -> None:
    record: list[str] = []
    ref = Recorder.start(record)
    ref.tell("last words")
    await stopped(ref)
    assert record[0] == "last words"
    assert not ref.is_alive()
    await stopped(ref)
