"""How the rest of the program holds an actor: a ref that never blocks an event loop, and a light "has stopped" flag."""

import asyncio
import threading
from typing import Any, TypeVar

from pykka import Actor, ActorDeadError, ActorRef
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

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
            self._refuse_to_block_a_loop()
        return super().ask(message, block=block, timeout=timeout)

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """See ``pykka.ActorRef.stop``.

        Raises:
            RuntimeError: ``block`` on a thread that runs an event loop; the actor is not stopped.
        """
        if block:
            self._refuse_to_block_a_loop()
        asked = self.ask(_ActorStop(), block=False)

        def was_alive(timeout: float | None) -> bool:
            try:
                asked.get(timeout=timeout)
            except ActorDeadError:
                return False
            return True

        stopped: LoopFuture[bool] = LoopFuture()
        stopped.set_derived_hook(was_alive, asked)
        return stopped.get(timeout=timeout) if block else stopped

    def _refuse_to_block_a_loop(self) -> None:
        if asyncio._get_running_loop() is not None and self.is_alive():
            raise RuntimeError("this would block the thread's running event loop: use block=False and await the future")


class StopFlag:
    """``threading.Event`` at a tenth of its memory while nobody waits.

    ``is_raised`` is for reading where the call of ``is_set()`` would be too dear. Thread: any.
    """

    __slots__ = ("_event", "is_raised")
    _event_creation = threading.Lock()

    def __init__(self) -> None:
        self.is_raised = False
        self._event: threading.Event | None = None

    def is_set(self) -> bool:
        """Whether ``set`` was called."""
        return self.is_raised

    def set(self) -> None:
        """Release everybody who waits, now or later."""
        self.is_raised = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Undo ``set``."""
        self.is_raised = False
        if self._event is not None:
            self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Block up to ``timeout`` seconds and return whether the flag is set."""
        with self._event_creation:
            self._event = self._event or threading.Event()
        return self.is_raised or self._event.wait(timeout)
