"""A mailbox loses no message, whoever sends it, and answers for an actor that is gone."""

import asyncio
from typing import Any

import pytest
from pykka import ActorDeadError, ActorRef, ActorRegistry

from actors.runtime import use_loop
from tests.fakes.recorder import Keep, Recorder
from tests.timeouts import TIMEOUT_S


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
    assert left_behind.get(timeout=TIMEOUT_S) is None
    assert ran.stop(timeout=TIMEOUT_S) is True
    assert never_ran.stop(timeout=TIMEOUT_S) is True
    with pytest.raises(ActorDeadError):
        idle_then_told.ask("anybody?", timeout=TIMEOUT_S)
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
