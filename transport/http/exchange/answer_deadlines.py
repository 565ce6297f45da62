"""Answers of actors, waited for no longer than a client would."""

import asyncio
from collections.abc import Awaitable
from typing import Final, Protocol, TypeVar

from transport.errors import Problem
from transport.http.http1.moving_deadline import TICK_S
from transport.wire.problems import unavailable

T = TypeVar("T")

RETRY_AFTER_S: Final = 1.0


async def with_deadline(answer: Awaitable[T], timeout_s: float) -> T:
    """Return the answer. Raises: Problem, a 503: it took too long."""
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError:
        raise _too_late(timeout_s) from None


class GivesUp(Protocol):
    """What waits for an answer."""

    def give_up(self, problem: Problem) -> None:
        """Wait no longer, and say ``problem``, a 503, to the client. Must not raise."""


class AnswerDeadlines:
    """Gives up on answers that do not come within ``timeout_s``.

    All wait equally long, so the first to begin is the first to be late: one timer, for that one, serves all.

    Thread: the event loop. Cost: O(1), but for those that are late.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._due_s: dict[GivesUp, float] = {}
        """When each is due on the loop's clock, the earliest first."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, waiting: GivesUp) -> None:
        """Give ``waiting`` its time from now."""
        loop = asyncio.get_running_loop()
        self._due_s[waiting] = loop.time() + self._timeout_s
        if self._timer is None:
            self._timer = loop.call_later(self._timeout_s, self._look, loop)

    def end(self, waiting: GivesUp) -> bool:
        """Wait no longer, and return whether it was in time and for the first time."""
        return self._due_s.pop(waiting, None) is not None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now_s = loop.time() + TICK_S
        late: list[GivesUp] = []
        for waiting, due_s in self._due_s.items():
            if due_s > now_s:
                self._timer = loop.call_at(due_s, self._look, loop)
                break
            late.append(waiting)
        for waiting in late:
            if self.end(waiting):
                waiting.give_up(_too_late(self._timeout_s))


def _too_late(timeout_s: float) -> Problem:
    detail = f"No answer within {timeout_s:.0f} s; a write with an operation_id can be repeated safely."
    return unavailable(detail, RETRY_AFTER_S)
