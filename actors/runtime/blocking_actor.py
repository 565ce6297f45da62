"""Pykka's thread actor, for work that blocks."""

from typing import Any

from pykka import Future, ThreadingActor

from actors.runtime.future import LoopFuture
from actors.runtime.ref import LoopActorRef


class BlockingActor(ThreadingActor):
    """An actor with a thread of its own; its futures can be awaited on the loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._actor_ref = LoopActorRef(self)

    @staticmethod
    def _create_future() -> Future[Any]:
        return LoopFuture()
