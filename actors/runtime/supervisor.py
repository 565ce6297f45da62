"""Failures in place: a supervised actor outlives its exceptions, and its refs and mailbox stay valid.

A message that raises is logged by its type and skipped, and the actor's supervisor counts it. One of many actors goes
on at once. A singleton asks its supervisor how long to pause (its mailbox keeps filling), restarts and goes on with the
next message. A storm of restarts is escalated.
"""

import asyncio
import logging
import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import Any, assert_never

from msgspec import Struct
from pykka import ActorDeadError, ActorRef
from pykka.messages import ProxyCall

from actors.runtime.actor import LoopActor
from actors.runtime.tell import tell_if_alive

MIN_BACKOFF_S = 0.1
MAX_BACKOFF_S = 5.0
HEALTHY_S = 60.0
"""A child that did not fail for so long after its restart starts from ``MIN_BACKOFF_S`` again."""

STORM_RESTARTS = 15
STORM_WINDOW_S = 60.0
"""More restarts than that within the window are a storm. A child that fails at once each time gets there in 52 s."""

logger = logging.getLogger(__name__)


class MessageSkipped(Struct, frozen=True):
    """A told message raised in a child, which has skipped it."""

    child: str
    """The child's class, as in every message."""


class ChildFailed(Struct, frozen=True):
    """A child is to restart. Answered with ``Resume``."""

    child: str


class Resume(Struct, frozen=True):
    """Restart after this pause."""

    after_s: float


class SupervisedActor(LoopActor):
    """A ``LoopActor`` that no told message kills; an ask that raises stays the asker's, as in Pykka.

    Without a supervisor it goes on at once, and only the log tells. It keeps its state unless ``on_restart`` resets it.
    A stop waits for the pause like any message, at most ``MAX_BACKOFF_S``.
    """

    _supervisor: "ActorRef[Supervisor] | None" = None
    _restarts_on_failure = False

    def on_restart(self) -> Any:
        """Run code after the pause and before the next message; may be ``async def``.

        Thread: the event loop. If it raises, the actor pauses and restarts again.
        """

    def report_to(self, supervisor: "ActorRef[Supervisor]", *, restart: bool) -> None:
        """Tell ``supervisor`` of every failure from now on. Thread: the event loop, see ``supervise``."""
        self._supervisor = supervisor
        self._restarts_on_failure = restart

    def _actor_fail_told(self, message: Any) -> Coroutine[Any, Any, None] | None:
        self._log_failure(f"{type(message).__name__} skipped")
        if self._supervisor is None:
            return None
        tell_if_alive(self._supervisor, MessageSkipped(type(self).__name__))
        return self._restart(self._supervisor) if self._restarts_on_failure else None

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
    """Counts failures and decides how long a failed child pauses: one for one, doubling from 0.1 s to 5 s.

    In: ``MessageSkipped``; ``ChildFailed``, answered with ``Resume``.

    Args:
        escalate: called once, with the reason, in the first storm of restarts; it must not raise.
        restarts: counts them by child.
        messages_skipped: counts them by child.
        now: a monotonic clock in seconds.
    """

    def __init__(
        self,
        escalate: Callable[[str], None],
        restarts: Counter[str],
        messages_skipped: Counter[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._escalate = escalate
        self._restarts = restarts
        self._messages_skipped = messages_skipped
        self._now = now
        self._last: dict[str, tuple[float, float]] = {}
        """By child: when its latest pause ends, and how long it is."""
        self._recent: deque[float] = deque()
        self._has_escalated = False

    def on_receive(self, message: MessageSkipped | ChildFailed) -> Resume | None:
        """Count the failure, and answer with the pause if the child is to restart."""
        match message:
            case MessageSkipped(child=child):
                self._messages_skipped[child] += 1
                return None
            case ChildFailed(child=child):
                now = self._now()
                self._restarts[child] += 1
                self._watch_for_storm(child, now)
                return Resume(self._pause(child, now))
            case _:
                assert_never(message)

    def _pause(self, child: str, now: float) -> float:
        healthy_since, pause_s = self._last.get(child, (now, 0.0))
        was_healthy = now - healthy_since >= HEALTHY_S
        pause_s = MIN_BACKOFF_S if was_healthy or not pause_s else min(2 * pause_s, MAX_BACKOFF_S)
        self._last[child] = (now + pause_s, pause_s)
        return pause_s

    def _watch_for_storm(self, child: str, now: float) -> None:
        self._recent.append(now)
        while now - self._recent[0] > STORM_WINDOW_S:
            self._recent.popleft()
        if len(self._recent) > STORM_RESTARTS and not self._has_escalated:
            self._has_escalated = True
            restarts = len(self._recent)
            self._escalate(f"{restarts} restarts within {STORM_WINDOW_S:.0f} s, the latest of {child}")


def supervise(child: ActorRef[Any], supervisor: ActorRef[Supervisor], *, restart: bool = True) -> None:
    """Let ``child``, a ``SupervisedActor``, report to ``supervisor`` from its next message on. Thread: any.

    Args:
        child: who may fail.
        supervisor: who counts it.
        restart: whether a failure pauses and restarts the child; if not, it goes on at once.
    """
    child.tell(ProxyCall(attr_path=("report_to",), args=(supervisor,), kwargs={"restart": restart}))
