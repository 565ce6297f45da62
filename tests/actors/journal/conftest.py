"""A running journal on a store that a test can stop, break and look into."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from pykka import ActorRef
from pykka.messages import ProxyCall

from actors.journal.journal import Journal
from actors.messages.change import Change
from actors.messages.collections import WATCHLIST, line_of
from actors.messages.journal import AnyOperation, Commit, Committed, Operation, Settle, Settled, Status
from actors.metrics import JournalMetrics
from tests.actors.conftest import content
from tests.fakes.fake_store import CLOCK, FakeStore
from tests.fakes.store_in_process import StoreInProcess
from tests.timeouts import TIMEOUT_S


class Harness:
    """A running journal; ``finish`` stops it, which handles everything told before."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.client = StoreInProcess(self.store)
        self.metrics = JournalMetrics()
        self.answers: list[Any] = []
        self.ref: ActorRef[Journal] = Journal.start(self.client, self.metrics)

    def commit(
        self,
        name: str,
        reply_to: Callable[[Committed], None] | None = None,
        *,
        user_id: str = "ann",
        collection: str = WATCHLIST,
    ) -> None:
        line = line_of(user_id, collection)
        operation = Operation(line=line, device_id=name, change=Change("add", content(1)), timestamp=CLOCK)
        self.ref.tell(Commit(operation, reply_to or self.answers.append))

    async def ask(self, message: Callable[[Callable[[Any], None]], Any]) -> Any:
        """Tell ``message(reply_to)``, and return the answer."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.ref.tell(message(answered.set_result))
        async with asyncio.timeout(TIMEOUT_S):
            return await answered

    async def settled(self) -> None:
        assert await self.ask(Settle) == Settled()

    async def finish(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await self.ref.stop(block=False)

    def statuses(self) -> list[Status]:
        return [outcome.status for answer in self.answers for outcome in answer.outcomes]


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    harness = Harness()
    yield harness
    if harness.ref.is_alive():
        await harness.finish()
    await harness.client.close()


class StoreByHand:
    """Answers what it is asked when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, asyncio.Future[Any]]] = []

    def write(self, request: Any) -> asyncio.Future[Any]:
        return self.read(request)

    def read(self, request: Any) -> asyncio.Future[Any]:
        self.asked.append((request, asyncio.get_running_loop().create_future()))
        return self.asked[-1][1]

    def users(self) -> list[str]:
        """Whose reads were begun, in order."""
        return [request.line for request, _ in self.asked]


async def handled(ref: ActorRef[Journal]) -> None:
    """Return when everything told or answered before has been handled."""
    await asyncio.sleep(0)
    await ref.ask(ProxyCall(attr_path=("__str__",), args=(), kwargs={}), block=False)


def contents(committed: Committed) -> list[str]:
    return [commit.operation.device_id for commit in committed.commits]


def fail(error: Exception) -> Callable[[Sequence[AnyOperation]], None]:
    def fault(operations: Sequence[AnyOperation]) -> None:
        raise error

    return fault
