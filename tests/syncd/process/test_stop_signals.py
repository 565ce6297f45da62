"""Which signals stop the daemon: in any order, as often as they come, and a SIGHUP that nohup ignores not at all."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from syncd.process.stop_signals import STOP_SIGNALS, StopSignals, ignore_signals
from tests.timeouts import TIMEOUT_S

KNOWN = (*STOP_SIGNALS, signal.SIGUSR1)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Leave the handlers of the tests' own process as they were."""
    before = {number: signal.getsignal(number) for number in KNOWN}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def signals() -> StopSignals:
    signals = StopSignals()
    signals.listen()
    return signals


@pytest.mark.parametrize("number", STOP_SIGNALS)
async def test_each_signal_stops(signals: StopSignals, number: signal.Signals) -> None:
    stop = asyncio.Event()
    with signals.calling(stop.set):
        signal.raise_signal(number)
        await asyncio.wait_for(stop.wait(), TIMEOUT_S)
    signal.raise_signal(number)  # after the loop's last step: it ends nothing


async def test_a_signal_that_came_before_the_loop_is_not_forgotten(signals: StopSignals) -> None:
    signal.raise_signal(signal.SIGTERM)
    stop = asyncio.Event()
    with signals.calling(stop.set):
        await asyncio.wait_for(stop.wait(), TIMEOUT_S)


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    StopSignals().listen()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL


def test_at_the_end_no_signal_has_an_effect(signals: StopSignals) -> None:
    assert signals is not None
    ignore_signals()
    assert [signal.getsignal(number) for number in KNOWN] == [signal.SIG_IGN] * len(KNOWN)
