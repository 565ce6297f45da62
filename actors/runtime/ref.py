"""How the rest of the program holds an actor: a ref that never blocks an event loop."""

import asyncio
from typing import Any, TypeVar

from pykka import Actor, ActorDeadError, ActorRef
from pykka._envelope import Envelope
from pykka.messages import _ActorStop  # pyright: ignore[reportPrivateUsage] # it has no public name

from actors.runtime.future import LoopFuture

A = TypeVar("A", bound=Actor)


class LoopActorRef(ActorRef[A]):
    """Pykka's ref; what would block a thread's running event loop is refused. Thread: any."""

    def tell(self, message: Any) -> None:
        """See ``pykka.ActorRef.tell``. Never blocks."""
        if self.actor_stopped.is_set():
            raise ActorDeadError(f"{self} not found")
        self.actor_inbox.put(Envelope(message))

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """See ``pykka.ActorRef.ask``.

        Raises:
            RuntimeError: ``block`` on a thread that runs an event loop; the message is not sent.
        """
        if block:
            self._reject_blocking()
        return super().ask(message, block=block, timeout=timeout)

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """See ``pykka.ActorRef.stop``.

        Raises:
            RuntimeError: ``block`` on a thread that runs an event loop; the actor is not stopped.
        """
        if block:
            self._reject_blocking()
        asked: LoopFuture[None] = self.ask(_ActorStop(), block=False)
        stopped: LoopFuture[bool] = LoopFuture()
        asked.add_done_callback(lambda answered: stopped.set(_was_alive(answered)))
        return stopped.get(timeout=timeout) if block else stopped

    def _reject_blocking(self) -> None:
        if asyncio._get_running_loop() is not None and self.is_alive():
            raise RuntimeError("this would block the thread's running event loop: use block=False and await the future")


def _was_alive(answered: LoopFuture[None]) -> bool:
    try:
        answered.get()
    except ActorDeadError:
        return False
    return True
