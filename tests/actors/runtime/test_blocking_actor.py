"""Thread actors and loop actors ask each other."""

import asyncio
import threading
from typing import Any

from pykka import ActorRef, ThreadingActor

from actors.runtime import BlockingActor
from tests.fakes.recorder import Keep, Recorder
from tests.timeouts import TIMEOUT_S


async def test_the_loop_can_ask_thread_actors_and_they_can_ask_loop_actors(started: Keep) -> None:
    class Relay(BlockingActor):
        def on_receive(self, message: ActorRef[Any]) -> Any:
            return message.ask(lambda actor: threading.current_thread(), timeout=TIMEOUT_S)

    class StockRelay(ThreadingActor):
        def on_receive(self, message: ActorRef[Any]) -> Any:
            return message.ask(lambda actor: threading.current_thread(), timeout=TIMEOUT_S)

    target = started(Recorder.start([]))
    relay = started(Relay.start())
    assert await relay.ask(target, block=False) is threading.current_thread()
    stock_relay = StockRelay.start()
    assert await asyncio.to_thread(stock_relay.ask, target) is threading.current_thread()
    await asyncio.to_thread(stock_relay.stop)
