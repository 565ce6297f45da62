"""Answers of actors, waited for no longer than a client would."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from transport.errors import Problem
from transport.problems import unavailable

T = TypeVar("T")

RETRY_AFTER_S: Final = 1.0


async def with_deadline(answer: Awaitable[T], timeout_s: float) -> T:
    """Return the answer. Raises: Problem, a 503: it took too long."""
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError:
        raise _too_late(timeout_s) from None


async def outcome_with_deadline(pending: asyncio.Future[T], timeout_s: float) -> T:
    """As ``with_deadline``, for a future that nobody else awaits: half the cost."""
    timer = pending.get_loop().call_later(timeout_s, _expire, pending)
    try:
        return await pending
    except TimeoutError:
        raise _too_late(timeout_s) from None
    finally:
        timer.cancel()


def set_outcome(pending: asyncio.Future[T], outcome: T) -> None:
    """Answer ``pending``, if anybody still waits."""
    if not pending.done():
        pending.set_result(outcome)


def _expire(pending: asyncio.Future[T]) -> None:
    if not pending.done():
        pending.set_exception(TimeoutError())


def _too_late(timeout_s: float) -> Problem:
    detail = f"No answer within {timeout_s:.0f} s; a write with an operation_id can be repeated safely."
    return unavailable(detail, RETRY_AFTER_S)
