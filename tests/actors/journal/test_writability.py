"""Whether the journal can be written is known, whoever writes or does not; reading is another matter."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from actors.errors import StatementRefused, StoreDefect, StoreUnavailable
from actors.journal.refusals import Refusals
from actors.journal.writability import Writability
from actors.messages.journal import AnyOperation, Probe
from actors.messages.journal_reads import HeadsLoaded, LoadHeads
from actors.messages.store import CheckWriting, Done
from actors.metrics import JournalMetrics
from tests.actors.journal.conftest import Harness, StoreByHand
from tests.timeouts import TIMEOUT_S

FULL = StoreUnavailable("disk full")


class ProbesByHand(StoreByHand):
    """Answers a probe when the test says so."""

    def write(self, request: Any) -> asyncio.Future[Any]:
        assert request == CheckWriting()
        return self.read(request)

    async def answer(self, error: Exception | None = None) -> None:
        """Answer the latest probe."""
        probe = self.asked[-1][1]
        if error is None:
            probe.set_result(Done())
        else:
            probe.set_exception(error)
        await asyncio.sleep(0)


class Probed:
    """A journal's writability, as if nobody ever wrote."""

    def __init__(self) -> None:
        self.store, self.metrics = ProbesByHand(), JournalMetrics()
        self.writability = Writability(self.store, self.metrics, Refusals(self.metrics))  # type: ignore[arg-type]

    async def probe(self, error: Exception | None = None) -> None:
        self.writability.probe()
        await self.store.answer(error)


async def test_a_probe_tells_what_is_wrong_once_and_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    probed = Probed()
    for _ in range(3):
        await probed.probe(FULL)
    assert probed.metrics.problem == "cannot be written: disk full"
    await probed.probe()
    assert probed.metrics.problem is None
    assert [record.getMessage() for record in caplog.records] == [
        "the journal cannot be written: disk full",
        "the journal can be written again",
    ]


async def test_there_is_no_probe_beside_another_nor_while_somebody_writes() -> None:
    probed = Probed()
    probed.writability.probe()
    probed.writability.probe()
    await probed.store.answer()
    assert len(probed.store.asked) == 1
    await probed.probe(FULL)
    probed.writability.note_success()
    probed.writability.probe()
    assert len(probed.store.asked) == 2
    probed.writability.note_failure(FULL)
    probed.writability.probe()
    assert len(probed.store.asked) == 3


async def test_who_is_online_is_written_while_nothing_else_can_be_and_does_not_hide_that() -> None:
    probed = Probed()
    probed.writability.note_presence()
    probed.writability.probe()
    assert not probed.store.asked  # it is as good as a probe, as long as nothing fails
    for _ in range(2):
        probed.writability.note_failure(FULL)
        probed.writability.note_presence()
        assert probed.metrics.problem == "cannot be written: disk full"
        await probed.probe()
        assert probed.metrics.problem is None


@pytest.mark.parametrize(
    ("error", "failures", "errors"),
    [(FULL, 1, 0), (StatementRefused("no such table"), 1, 1), (StoreDefect("a defect"), 0, 1)],
)
async def test_what_a_probe_meets_is_counted_by_whose_fault_it_is(error: Exception, failures: int, errors: int) -> None:
    probed = Probed()
    await probed.probe(error)
    assert probed.metrics.unavailable == str(error)
    assert (probed.metrics.failures, probed.metrics.errors) == (failures, errors)


async def test_reading_and_writing_are_probed(harness: Harness) -> None:
    def away(operations: Sequence[AnyOperation]) -> None:
        raise FULL

    harness.store.fault = away
    harness.ref.tell(Probe())
    async with asyncio.timeout(TIMEOUT_S):
        while harness.metrics.problem != "cannot be written: disk full; cannot be read: disk full":
            await asyncio.sleep(0)
        harness.store.fault = lambda operations: None
        while harness.metrics.problem is not None:
            harness.ref.tell(Probe())
            await asyncio.sleep(0)


async def test_a_write_that_works_says_nothing_of_reading(harness: Harness) -> None:
    def reads_fail(operations: Sequence[AnyOperation]) -> None:
        if not operations:
            raise FULL

    harness.store.fault = reads_fail
    assert await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to)) == HeadsLoaded(None)
    harness.commit("a")
    await harness.settled()
    assert harness.metrics.problem == "cannot be read: disk full"


async def test_a_read_that_works_says_nothing_of_writing(harness: Harness) -> None:
    def writes_fail(operations: Sequence[AnyOperation]) -> None:
        if operations:
            raise FULL

    harness.store.fault = writes_fail
    harness.commit("a")
    await harness.settled()
    heads: HeadsLoaded = await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to))
    assert heads.heads is not None
    assert harness.metrics.problem == "cannot be written: disk full"
