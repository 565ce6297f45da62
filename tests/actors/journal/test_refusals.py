"""Statements that the database refuses although it works."""

import pytest

from actors.errors import StatementRefused
from actors.journal.group_commit import RETRY_AFTER_S
from actors.messages.journal import Status
from actors.messages.journal_reads import HeadsLoaded, LoadHeads
from tests.actors.journal.conftest import Harness, fail


async def test_a_statement_that_the_database_refuses_is_an_outage_to_users_and_a_defect_to_operators(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.store.fault = fail(StatementRefused("no such column"))
    for name in "abc":
        harness.commit(name)
        await harness.settled()
    assert await harness.ask(lambda reply_to: LoadHeads(("ann",), reply_to)) == HeadsLoaded(None)
    assert {(o.status, o.retry_after_s) for answer in harness.answers for o in answer.outcomes} == {
        (Status.REFUSED, RETRY_AFTER_S)
    }
    assert (harness.metrics.unavailable, harness.metrics.unreadable) == ("no such column", "no such column")
    assert harness.metrics.errors == harness.metrics.failures == 4
    assert len([record for record in caplog.records if record.exc_info]) == 1
    harness.store.fault = lambda operations: None
    harness.commit("d")
    await harness.finish()
    assert harness.store.batches == [["d"]]
    assert harness.metrics.unavailable is None
