"""Proxies behave the same on Pykka's own thread actors and on ours."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pykka import Actor, ActorRef, ThreadingActor, traversable
from pykka.messages import ProxySetAttr

from actors.runtime import BlockingActor, LoopActor, use_loop
from tests.timeouts import TIMEOUT_S


class Shelf:
    """A traversable part of an actor."""

    def __init__(self) -> None:
        self.books = 3

    def add(self, books: int) -> int:
        self.books += books
        return self.books


class Library(Actor):
    """Used through its proxy."""

    name = "town"

    def __init__(self) -> None:
        super().__init__()
        self.shelf = traversable(Shelf())
        self.visitors: list[str] = []

    def visit(self, visitor: str, *, times: int = 1) -> int:
        if not visitor:
            raise ValueError("nobody")
        self.visitors += [visitor] * times
        return len(self.visitors)


@pytest.fixture(params=[ThreadingActor, LoopActor, BlockingActor], ids=lambda base: base.__name__)
def library(request: pytest.FixtureRequest) -> Iterator[ActorRef[Any]]:
    loop = asyncio.new_event_loop()
    loop_thread = threading.Thread(target=loop.run_forever)
    loop_thread.start()
    use_loop(loop)
    actor_class: Any = type("Library", (Library, request.param), {})
    ref: ActorRef[Any] = actor_class.start()
    yield ref
    ref.stop(timeout=TIMEOUT_S)
    use_loop(None)
    loop.call_soon_threadsafe(loop.stop)
    loop_thread.join(TIMEOUT_S)
    loop.close()


def test_a_proxy_reads_writes_and_calls_its_actor(library: ActorRef[Any]) -> None:
    proxy = library.proxy()
    assert proxy.name.get() == "town"
    proxy.name = "city"
    assert proxy.name.get() == "city"
    assert proxy.visit("ann", times=2).get() == 2
    proxy.visit.defer("bob")
    assert proxy.visitors.get() == ["ann", "ann", "bob"]
    assert proxy.shelf.add(2).get() == 5
    proxy.shelf.books = 1
    assert proxy.shelf.books.get() == 1
    with pytest.raises(ValueError, match="nobody"):
        proxy.visit("").get()
    with pytest.raises(AttributeError):
        proxy.closing_time  # noqa: B018 - the access is the point


@pytest.mark.actors_may_fail
def test_a_deferred_call_that_raises_ends_the_actor(library: ActorRef[Any]) -> None:
    library.proxy().visit.defer("")
    assert library.actor_stopped.wait(TIMEOUT_S)


def test_a_proxy_lists_its_actors_attributes(library: ActorRef[Any]) -> None:
    assert {"name", "shelf", "visit", "visitors"} <= set(dir(library.proxy()))


async def test_a_proxied_coroutine_method_answers_with_its_result() -> None:
    class Courier(LoopActor):
        async def deliver(self, parcel: str) -> str:
            await asyncio.sleep(0)
            return f"{parcel} delivered"

    ref = Courier.start()
    assert await ref.proxy().deliver("book").map(str.upper) == "BOOK DELIVERED"
    await ref.stop(block=False)


async def test_setting_an_attribute_by_proxy_on_the_loop_is_refused_and_an_ask_does_it() -> None:
    class Lamp(LoopActor):
        is_lit = False

    ref = Lamp.start()
    proxy: Any = ref.proxy()
    with pytest.raises(RuntimeError, match="running event loop"):
        proxy.is_lit = True
    assert await proxy.is_lit is False
    await ref.ask(ProxySetAttr(attr_path=("is_lit",), value=True), block=False)
    assert await proxy.is_lit is True
    await ref.stop(block=False)
