"""Failures in place: a supervised actor outlives its exceptions, and its refs and mailbox stay valid.

A message that raises is logged by its type, counted and skipped. A singleton then asks its supervisor how long to
pause (its mailbox keeps filling), restarts and goes on with the next message. A storm of restarts is escalated.
"""

import asyncio
import logging
import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import Any

from msgspec import Struct
from pykka import ActorDeadError, ActorRef
from pykka.messages import ProxyCall

from actors.runtime import LoopActor

MIN_BACKOFF_S = 0.1
MAX_BACKOFF_S = 5.0
HEALTHY_S = 60.0
"""A child that did not fail for so long after its restart starts from ``MIN_BACKOFF_S`` again."""

STORM_RESTARTS = 15
STORM_WINDOW_S = 60.0
"""More restarts than that within the window are a storm. A child that fails at once each time gets there in 52 s."""

logger = logging.getLogger(__name__)

messages_skipped: Counter[str] = Counter()
"""Told messages that raised, by actor class, since the process began. Thread: the event loop."""


class ChildFailed(Struct, frozen=True):
    """A child could not handle a message. Answered with ``Resume``."""

    child: str


class Resume(Struct, frozen=True):
    """Restart after this pause."""

    after_s: float


class SupervisedActor(LoopActor):
    """A ``LoopActor`` that no told message kills; an ask that raises stays the asker's, as in Pykka.

    Without a supervisor it goes on at once. It keeps its state unless ``on_restart`` resets it. A stop waits for the
    pause like any message, at most ``MAX_BACKOFF_S``.
    """

    _supervisor: "ActorRef[Supervisor] | None" = None

    def on_restart(self) -> Any:
        """Run code after the pause and before the next message; may be ``async def``.

        Thread: the event loop. If it raises, the actor pauses and restarts again.
        """

    def report_to(self, supervisor: "ActorRef[Supervisor]") -> None:
        """Ask ``supervisor`` after every failure from now on. Thread: the event loop, see ``supervise``."""
        self._supervisor = supervisor

    def _actor_fail_told(self, message: Any) -> Coroutine[Any, Any, None] | None:
        messages_skipped[type(self).__name__] += 1
        self._log_failure(f"{type(message).__name__} skipped")
        return None if self._supervisor is None else self._restart(self._supervisor)

    async def _restart(self, supervisor: "ActorRef[Supervisor]") -> None:
        while True:
            try:
                resume: Resume = await supervisor.ask(ChildFailed(type(self).__name__), block=False)
            except ActorDeadError:  # the service is stopping: let the mailbox run out
                return
            await asyncio.sleep(resume.after_s)
            try:
                restarted = self.on_restart()
                if isawaitable(restarted):
                    await restarted
            except Exception:  # noqa: BLE001 - whatever it was, the next restart may succeed
                self._log_failure("restart failed")
            else:
                return

    def _log_failure(self, what: str) -> None:
        # Neither the message nor the exception's text: both may hold a token.
        exc_type, _, trace = sys.exc_info()
        assert exc_type is not None
        frames = "".join(traceback.format_tb(trace))
        logger.error("%s: %s: %s\n%s", type(self).__name__, what, exc_type.__name__, frames)


class Supervisor(LoopActor):
    """Decides how long a failed child pauses: one for one, doubling from 0.1 s to 5 s.

    In: ``ChildFailed``, answered with ``Resume``. ``escalate(reason)`` is called once, in the first storm of restarts;
    it must not raise. ``restarts`` counts by child. ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        escalate: Callable[[str], None],
        restarts: Counter[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._escalate = escalate
        self._restarts = restarts
        self._now = now
        self._last: dict[str, tuple[float, float]] = {}
        """By child: when its latest pause ends, and how long it is."""
        self._recent: deque[float] = deque()
        self._has_escalated = False

    def on_receive(self, message: ChildFailed) -> Resume:
        """Count the failure and answer with the pause."""
        now = self._now()
        self._restarts[message.child] += 1
        self._watch_for_storm(message.child, now)
        healthy_since, pause_s = self._last.get(message.child, (now, 0.0))
        was_healthy = now - healthy_since >= HEALTHY_S
        pause_s = MIN_BACKOFF_S if was_healthy or not pause_s else min(2 * pause_s, MAX_BACKOFF_S)
        self._last[message.child] = (now + pause_s, pause_s)
        return Resume(pause_s)

    def _watch_for_storm(self, child: str, now: float) -> None:
        self._recent.append(now)
        while now - self._recent[0] > STORM_WINDOW_S:
            self._recent.popleft()
        if len(self._recent) > STORM_RESTARTS and not self._has_escalated:
            self._has_escalated = True
            restarts = len(self._recent)
            self._escalate(f"{restarts} restarts within {STORM_WINDOW_S:.0f} s, the latest of {child}")


def supervise(child: ActorRef[Any], supervisor: ActorRef[Supervisor]) -> None:
    """Let ``child``, a ``SupervisedActor``, report to ``supervisor`` from its next message on. Thread: any."""
    child.tell(ProxyCall(attr_path=("report_to",), args=(supervisor,), kwargs={}))
