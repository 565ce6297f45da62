"""The lag of a loop whose clock a test moves."""

import asyncio
from contextlib import suppress

from actors.metrics import Histogram
from syncd.process.loop_lag import watch


class HandLoop(asyncio.SelectorEventLoop):
    """A loop that takes the test's word for the time."""

    now_s = 100.0

    def time(self) -> float:
        return self.now_s


def test_a_timer_that_comes_late_is_observed_with_how_late_it_came() -> None:
    loop, lag = HandLoop(), Histogram((0.1, 1.0))

    async def observed(count: int) -> None:
        while len(lag.latest) < count:
            await asyncio.sleep(0)

    async def scenario() -> None:
        watching = asyncio.create_task(watch(lag, interval_s=1.0))
        await asyncio.sleep(0)
        for count, passed_s in enumerate((1.0, 1.5, 3.0), start=1):
            loop.now_s += passed_s
            await observed(count)
            await asyncio.sleep(0)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scenario())
    assert list(lag.latest) == [0.0, 0.5, 2.0]
    assert lag.counts == [1, 1, 1]
