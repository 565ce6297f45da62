"""One message told to many: as if it had been told to each in turn."""

import asyncio
import threading

from pykka import ActorRef

from actors.runtime import BlockingActor, use_loop
from actors.runtime.ask import stopped
from actors.runtime.broadcast import tell_all
from actors.runtime.tell import Tell, TellIfAlive
from tests.fakes.recorder import Keep, Recorder
from tests.timeouts import TIMEOUT_S


class Threaded(BlockingActor):
    """Says when it has been told something, by a thread of its own."""

    def __init__(self, told: threading.Event) -> None:
        super().__init__()
        self._told = told

    def on_receive(self, message: object) -> None:
        self._told.set()


async def handled(*refs: ActorRef[Recorder]) -> None:
    for ref in refs:
        await ref.ask(lambda _actor: None, block=False)


async def test_each_is_told_once_behind_what_it_was_told_before(started: Keep) -> None:
    record: list[object] = []
    first, second = started(Recorder.start(record)), started(Recorder.start(record))
    second.tell("before")
    tell_all([TellIfAlive(first), TellIfAlive(second)], "all")
    first.tell("after")
    await handled(first, second)
    assert [entry for entry in record if entry in ("before", "all", "after")] == ["all", "after", "before", "all"]


async def test_actors_that_rest_get_a_turn(started: Keep) -> None:
    record: list[object] = []
    refs = [started(Recorder.start(record)) for _ in range(3)]
    await handled(*refs)
    tell_all(map(TellIfAlive, refs), "all")
    async with asyncio.timeout(TIMEOUT_S):
        while record.count("all") < 3:  # nothing else wakes them
            await asyncio.sleep(0)


async def test_whoever_has_gone_is_passed_over(started: Keep) -> None:
    record: list[object] = []
    gone, living = Recorder.start([]), started(Recorder.start(record))
    await stopped(gone)
    tell_all([TellIfAlive(gone), TellIfAlive(living)], "all")
    await handled(living)
    assert "all" in record


async def test_an_actor_with_a_thread_and_a_plain_function_are_told_too(started: Keep) -> None:
    told = threading.Event()
    noted: list[str] = []
    tells: list[Tell[str]] = [TellIfAlive(started(Threaded.start(told))), noted.append]
    tell_all(tells, "all")
    assert noted == ["all"]
    assert await asyncio.to_thread(told.wait, TIMEOUT_S)


def test_actors_of_a_loop_that_was_closed_are_dropped() -> None:
    loop = asyncio.new_event_loop()
    use_loop(loop)
    record: list[object] = []
    ref = Recorder.start(record)
    loop.run_until_complete(asyncio.sleep(0))
    use_loop(None)
    loop.close()
    tell_all([TellIfAlive(ref)], "all")
    assert "all" not in record
    assert not ref.is_alive()
