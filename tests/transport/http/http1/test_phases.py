import asyncio

import pytest

from tests.timeouts import TIMEOUT_S
from transport.http.http1.phases import Phase, PhaseDeadline
from transport.http.http1.request_limits import RequestLimits

LONG_S = 3600.0


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.HEAD, Phase.BODY])
async def test_each_phase_has_a_time_of_its_own(phase: Phase) -> None:
    missed = asyncio.Event()
    times_s = dict.fromkeys((Phase.IDLE, Phase.HEAD, Phase.BODY), LONG_S) | {phase: 0.01}
    limits = RequestLimits(head_s=times_s[Phase.HEAD], body_s=times_s[Phase.BODY], second_look_s=0.01)
    deadline = PhaseDeadline(asyncio.get_running_loop(), missed.set, limits, times_s[Phase.IDLE])
    for other in (Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.REFUSED):
        if other is not phase:
            deadline.begin(other)
    deadline.begin(phase)
    async with asyncio.timeout(TIMEOUT_S):
        await missed.wait()


async def test_a_connection_that_somebody_else_has_is_not_timed() -> None:
    missed = asyncio.Event()
    deadline = PhaseDeadline(asyncio.get_running_loop(), missed.set, RequestLimits(), 0.01)
    deadline.begin(Phase.IDLE)
    deadline.begin(Phase.UPGRADED)
    await asyncio.sleep(0.05)
    assert not missed.is_set()
