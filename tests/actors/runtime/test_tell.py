"""Telling an actor that may be gone, and telling it later."""

import asyncio

from actors.runtime.ask import stopped
from actors.runtime.tell import tell_if_alive, tell_later
from tests.fakes.recorder import Keep, Recorder
from tests.timeouts import TIMEOUT_S


async def test_a_message_to_a_living_actor_arrives_and_one_to_a_dead_one_is_dropped() -> None:
    record: list[str] = []
    ref = Recorder.start(record)
    tell_if_alive(ref, "alive")
    await stopped(ref)
    tell_if_alive(ref, "dead")
    assert [entry for entry in record if entry != "idle"] == ["alive"]


async def test_a_message_told_later_arrives_after_what_is_told_meanwhile(started: Keep) -> None:
    arrived = asyncio.Event()
    record: list[object] = []
    ref = started(Recorder.start(record))
    tell_later(0.0, ref, lambda _actor: arrived.set())
    ref.tell("meanwhile")
    assert not arrived.is_set()
    await asyncio.wait_for(arrived.wait(), TIMEOUT_S)
    assert record[0] == "meanwhile"


async def test_a_message_may_be_called_off_before_its_time(started: Keep) -> None:
    record: list[object] = []
    ref = started(Recorder.start(record))
    due = asyncio.Event()
    tell_later(0.0, ref, "never").cancel()
    tell_later(0.0, ref, lambda _actor: due.set())
    await asyncio.wait_for(due.wait(), TIMEOUT_S)
    assert "never" not in record


async def test_an_actor_that_stopped_meanwhile_is_not_told() -> None:
    record: list[object] = []
    ref = Recorder.start(record)
    tell_later(0.0, ref, "too late")
    await stopped(ref)
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.0, passed.set)
    await passed.wait()
    assert record == []
