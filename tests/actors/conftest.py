"""Fakes and barriers for driving actors directly."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pykka import ActorRef
from pykka.messages import ProxyGetAttr

from actors.messages.connection import ConnectionInfo
from actors.messages.device import Answer
from actors.messages.sync import SyncMessage
from actors.runtime.supervisor import Supervisor, supervise

Started = Callable[[ActorRef[Any]], ActorRef[Any]]


class Devices:
    """Connections that record what they are told; counts how often a message is encoded."""

    def __init__(self) -> None:
        self.told: dict[str, list[Any]] = {}
        self.encoded = 0

    def connection(self, connection_id: str, user_id: str = "ann", device_id: str = "tv") -> ConnectionInfo:
        self.told[connection_id] = []
        return ConnectionInfo(connection_id, user_id, device_id, self.told[connection_id].append)

    def encode(self, message: SyncMessage | Answer) -> bytes:
        self.encoded += 1
        return msgspec.json.encode(message)


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


def content(number: int) -> UUID:
    """Return a content id that ends in ``number``."""
    return UUID(int=number)
