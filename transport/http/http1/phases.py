"""What a connection waits for, and how long that may take."""

import asyncio
import enum
from collections.abc import Callable

from transport.http.http1.moving_deadline import MovingDeadline
from transport.http.http1.request_limits import LINGER_S, RequestLimits


class Phase(enum.Enum):
    """Where a connection stands with what its client sends; the value is the word for it in an answer."""

    IDLE = "request"
    """Between two requests, also while one is answered."""
    HEAD = "head"
    BODY = "body"
    REFUSED = "end"
    """A refusal was the last answer."""
    UPGRADED = "frames"
    """The connection is another protocol's."""


class PhaseDeadline(MovingDeadline):
    """Is missed when the phase that was begun last takes too long. Thread: the event loop."""

    __slots__ = ("_keep_alive_s", "_limits")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        missed: Callable[[], None],
        limits: RequestLimits,
        keep_alive_s: float,
    ) -> None:
        super().__init__(loop, missed, limits.second_look_s)
        self._limits = limits
        self._keep_alive_s = keep_alive_s

    def begin(self, phase: Phase) -> None:
        """Give ``phase`` its time, from now."""
        match phase:
            case Phase.IDLE:
                self.move(self._keep_alive_s)
            case Phase.HEAD:
                self.move(self._limits.head_s)
            case Phase.BODY:
                self.move(self._limits.body_s)
            case Phase.REFUSED:
                self.move(LINGER_S)
            case Phase.UPGRADED:
                self.end()
