"""What drives actors directly: started ones are stopped at the end, and what they were told can be waited for."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from pykka import ActorRef
from pykka.messages import ProxyGetAttr

from actors.runtime.supervisor import Supervisor, supervise
from tests.fakes.devices import Devices

Started = Callable[[ActorRef[Any]], ActorRef[Any]]


@pytest.fixture
def devices() -> Devices:
    return Devices()


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    """Stops, at the end of the test, the actors it was shown; last first."""
    refs: list[ActorRef[Any]] = []

    def keep(ref: ActorRef[Any]) -> ActorRef[Any]:
        refs.append(ref)
        return ref

    yield keep
    for ref in reversed(refs):
        await ref.stop(block=False)


@pytest.fixture
def handled() -> Callable[[ActorRef[Any]], Awaitable[object]]:
    """Await ``handled(ref)``: everything told to the actor before has been handled."""

    def barrier(ref: ActorRef[Any]) -> Awaitable[object]:
        return ref.ask(ProxyGetAttr(attr_path=("actor_urn",)), block=False)

    return barrier


class Supervision:
    """A supervisor, and what it counts."""

    def __init__(self, started: Started) -> None:
        self.restarts: Counter[str] = Counter()
        self.messages_skipped: Counter[str] = Counter()
        self._started = started
        self._supervisor = started(Supervisor.start(pytest.fail, self.restarts, self.messages_skipped))

    def start(self, ref: ActorRef[Any]) -> ActorRef[Any]:
        """Stop ``ref``'s actor at the end of the test, and restart it whenever it fails before."""
        self._started(ref)
        supervise(ref, self._supervisor)
        return ref


@pytest.fixture
async def supervision(started: Started) -> Supervision:
    return Supervision(started)


def content(number: int) -> str:
    """Return a content id that ends in ``number``."""
    return str(UUID(int=number))
