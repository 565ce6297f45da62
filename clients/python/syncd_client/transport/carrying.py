"""What a transport reports to, and what all transports have in common."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

from syncd_client.core.core import Core
from syncd_client.core.outputs import Output
from syncd_client.data.messages import ClientMessage
from syncd_client.transport.problem import read_problem

Input = Callable[[Core], list[Output]]
"""One thing that happened: calls the core's method for it."""

BROKEN: Final = 1006
"""The close code of a connection that ended without a close frame."""


class Line(Protocol):
    """One connection, whatever carries it. Thread: the event loop."""

    outgoing: "asyncio.Queue[ClientMessage]"
    """What is to be sent, in order."""

    def put(self, happened: Input) -> None:
        """Tell the core, unless the connection was dropped."""

    def put_last(self, happened: Input) -> None:
        """Tell the core how the connection has ended, unless it was dropped."""

    def run(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do ``work``, which is cancelled when the connection is dropped."""
        ...


def refused(status: int, content_type: str | None, retry_after: str | None, body: bytes) -> Input:
    """Return what the core is told of an answer that refuses a connection, be it the service's own or anybody's."""
    return partial(
        Core.open_failed,
        reason=f"refused with status {status}",
        status=status,
        retry_after_s=retry_after_s(retry_after),
        problem=read_problem(status, content_type, body),
    )


def retry_after_s(header: str | None) -> float:
    """Return the seconds of a Retry-After; 0 for its other form, a date: to use one takes a clock that is right."""
    return float(header) if header and header.isascii() and header.isdigit() else 0.0
