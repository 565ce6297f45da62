"""Revocations on a thread of their own: whoever asks gets the answer, or the reason why there is none."""

import logging

import pytest
from pykka.messages import ProxyCall

from actors.journal.revocation_log import RevocationLog
from actors.messages.revocations import ReadRevocations, RevocationsUnavailable, Revoke
from actors.runtime.ask import ask
from tests.actors.conftest import Started
from tests.fakes.fake_revocations import FakeRevocations
from tests.timeouts import TIMEOUT_S


@pytest.fixture
def store() -> FakeRevocations:
    return FakeRevocations()


async def test_what_is_revoked_is_read_again(started: Started, store: FakeRevocations) -> None:
    log = started(RevocationLog.start(store))
    await ask(log, Revoke("stolen", 1_800_000_000))
    await ask(log, Revoke("lost", None))
    assert await ask(log, ReadRevocations(0)) == (2, [("stolen", 1_800_000_000), ("lost", None)])
    assert await ask(log, ReadRevocations(1)) == (2, [("lost", None)])


async def test_a_store_that_is_away_is_an_answer_without_a_stack_and_the_log_lives_on(
    started: Started, store: FakeRevocations, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log = started(RevocationLog.start(store))
    store.is_away = True
    away = RevocationsUnavailable("the store is away")
    assert await ask(log, Revoke("stolen", None)) == away
    assert await ask(log, ReadRevocations(0)) == away
    assert not [record for record in caplog.records if record.exc_info]
    store.is_away = False
    assert await ask(log, ReadRevocations(0)) == (0, [])


async def test_stopping_closes_the_store_after_what_was_told(store: FakeRevocations) -> None:
    log = RevocationLog.start(store)
    revoked = ask(log, Revoke("stolen", None))
    await log.stop(block=False)
    await revoked
    assert store.revocations == [("stolen", None)]
    assert store.closed == 1


@pytest.mark.actors_may_fail
def test_a_log_that_dies_closes_its_store(store: FakeRevocations) -> None:
    log = RevocationLog.start(store)
    log.tell(ProxyCall(attr_path=("no_such_method",), args=(), kwargs={}))
    assert log.actor_stopped.wait(TIMEOUT_S)
    log.stop(timeout=TIMEOUT_S)
    assert store.closed == 1
