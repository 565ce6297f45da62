"""Answers on their way: an asker that is gone, or raises, keeps no other one waiting."""

import logging

import pytest
from pykka import ActorDeadError

from actors.messages.journal import Committed
from tests.actors.journal.conftest import Harness, contents
from tests.fakes.fake_store import Gate


@pytest.mark.parametrize(("error", "level"), [(ActorDeadError("gone"), "INFO"), (KeyError("a defect"), "ERROR")])
async def test_an_answer_that_cannot_be_delivered_keeps_nobody_else_waiting(
    harness: Harness, caplog: pytest.LogCaptureFixture, error: Exception, level: str
) -> None:
    def refuse(committed: Committed) -> None:
        raise error

    caplog.set_level(logging.INFO, "actors.journal.answering")
    gate = Gate(harness.store)
    harness.commit("first")
    await gate.entered()
    harness.commit("a", refuse)
    harness.commit("b")
    gate.open()
    await harness.finish()
    assert [contents(answer) for answer in harness.answers] == [["first"], ["b"]]
    assert [r.levelname for r in caplog.records if r.name == "actors.journal.answering"] == [level]
