"""What an operator is shown of the actors is true, and looking changes nothing."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from pykka import ActorRef

from actors.runtime import BlockingActor, LoopActor
from actors.runtime.introspection import actor_states, mailbox_size, messages_waiting
from tests.timeouts import TIMEOUT_S

Keep = Callable[[ActorRef[Any]], ActorRef[Any]]


class Gate:
    """Holds the actor that it is told to."""

    def __init__(self) -> None:
        self.is_reached = asyncio.Event()
        self.is_open = asyncio.Event()


class Keeper(LoopActor):
    """Keeps its messages; a gate it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    async def on_receive(self, message: Any) -> list[Any]:
        if isinstance(message, Gate):
            message.is_reached.set()
            await message.is_open.wait()
        else:
            self.kept.append(message)
        return self.kept


class Blocked(BlockingActor):
    """Waits on its own thread for each message."""

    def on_receive(self, message: threading.Event) -> None:
        assert message.wait(10)


async def test_messages_that_wait_are_seen_in_order_and_stay(started: Keep) -> None:
    gate, keeper = Gate(), started(Keeper.start())
    keeper.tell("handled before")
    await keeper.ask("and this", block=False)
    keeper.tell(gate)
    for number in range(100):
        keeper.tell(number)
    await gate.is_reached.wait()
    looks = [list(messages_waiting(keeper)) for _ in range(2)]
    sizes = [mailbox_size(keeper) for _ in range(2)]
    gate.is_open.set()
    assert looks == [[*range(100)]] * 2
    assert sizes == [100] * 2
    assert await keeper.ask("last", block=False) == ["handled before", "and this", *range(100), "last"]
    assert list(messages_waiting(keeper)) == []
    assert mailbox_size(keeper) == 0


async def test_an_actor_held_by_its_handler_is_seen_with_its_task_and_its_mailbox(started: Keep) -> None:
    gate, busy, idle = Gate(), started(Keeper.start()), started(Keeper.start())
    before_s = asyncio.get_running_loop().time()
    busy.tell(gate)
    busy.tell("behind")
    await gate.is_reached.wait()
    seen = {state.ref: state for state in actor_states()}
    gate.is_open.set()
    assert seen[busy].handler in asyncio.all_tasks()
    assert before_s <= seen[busy].handler_began_s <= asyncio.get_running_loop().time()
    assert seen[busy].waiting == 1
    assert (seen[idle].handler, seen[idle].waiting) == (None, 0)


async def test_a_thread_actors_mailbox_is_seen_too(started: Keep) -> None:
    gate, blocked = threading.Event(), started(Blocked.start())
    blocked.tell(gate)
    blocked.tell(gate)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while list(messages_waiting(blocked)) != [gate]:
                await asyncio.sleep(0.001)
        assert [(state.waiting, state.handler) for state in actor_states()] == [(1, None)]
    finally:
        gate.set()
