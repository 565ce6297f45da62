"""Pykka's actor on an event loop, its contract unchanged: no thread of its own, and handlers that may be ``async``."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, cast

from pykka import Actor, ActorRegistry, Future
from pykka._envelope import Envelope

from actors.runtime.future import LoopFuture
from actors.runtime.inbox import LoopInbox, reject
from actors.runtime.ref import LoopActorRef
from actors.runtime.registry import use_flat_registry
from actors.runtime.run_queue import run_queue_for_new_actor
from actors.runtime.stop_flag import StopFlag

MESSAGES_PER_TURN = 64
"""An actor that has more goes to the back of the queue."""

Rest = Coroutine[Any, Any, None]
"""What an ``async def`` handler or hook has left to do; the mailbox waits for it."""


class _OnIdle:
    """Stands for the call of ``on_idle`` where a message is handled."""


_IDLE = Envelope(_OnIdle())

use_flat_registry()

logger = logging.getLogger("pykka")  # Pykka documents its records, so they stay where its users look for them


class LoopActor(Actor):
    """Pykka's actor without a thread: a mailbox, and a turn on the event loop whenever there is something in it.

    ``on_receive``, proxied methods and the hooks run on the loop. Each may be ``async def``: then the mailbox waits,
    one message at a time, while the loop runs on; a cancelled handler counts as one that raised. (For mypy an ``async``
    hook needs ``# type: ignore[override]``: Pykka's are declared to return ``None``.)
    """

    actor_inbox: LoopInbox  # pyright: ignore[reportIncompatibleVariableOverride] # only Pykka sets it, to what is made here
    _actor_has_started = False
    _actor_owes_idle = False
    _actor_task: asyncio.Task[None] | None = None
    _actor_task_began_s = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor_stopped: StopFlag = StopFlag()  # type: ignore[assignment] # a threading.Event in all but memory
        self._actor_ref = LoopActorRef(self)

    @staticmethod
    def _create_actor_inbox() -> LoopInbox:
        return LoopInbox()

    @staticmethod
    def _create_future() -> Future[Any]:
        return LoopFuture()

    def _start_actor_loop(self) -> None:
        try:
            run_queue = run_queue_for_new_actor()
        except RuntimeError:
            self._actor_unregister()
            raise
        self.actor_inbox.open(self, run_queue)

    def on_idle(self) -> Any:
        """Run code after a turn that emptied the mailbox.

        Thread: the event loop. If it raises, the actor fails as if a told message had raised.
        """

    def _actor_take_turn(self) -> int:
        handled = 0
        rest: Rest | None = None
        if not self._actor_has_started:
            self._actor_has_started = True
            rest = self._actor_call_hook(self.on_start)
        inbox, stopped = self.actor_inbox, self.actor_stopped
        waiting = min(inbox.qsize(), MESSAGES_PER_TURN)
        while handled < waiting and rest is None and not stopped.is_raised:
            handled += 1
            rest = self._actor_handle(inbox.get())
        if handled:
            self._actor_owes_idle = True
        if rest is None and self._actor_owes_idle and inbox.empty() and not stopped.is_raised:
            self._actor_owes_idle = False
            if type(self).on_idle is not LoopActor.on_idle:  # a tenth of a message's cost
                rest = self._actor_handle(_IDLE)
        if rest is not None:
            self._actor_task = inbox.loop.create_task(rest)
            self._actor_task_began_s = inbox.loop.time()
            self._actor_task.add_done_callback(self._actor_resume)
        elif stopped.is_raised:
            inbox.close(self._actor_death_reason())
        else:
            inbox.end_turn()
        return handled

    def _actor_resume(self, _: "asyncio.Task[None]") -> None:
        self._actor_task = None
        self.actor_inbox.resume()

    def _actor_handle(self, envelope: Envelope[Any]) -> Rest | None:
        message = envelope.message
        try:
            if envelope is _IDLE:
                response = self.on_idle()
            elif isinstance(message, tuple):  # as all of Pykka's own messages are
                response = self._handle_receive(message)
            else:
                response = self.on_receive(message)
            if type(response) is CoroutineType:
                return self._actor_finish(cast("Coroutine[Any, Any, Any]", response), envelope)
            if envelope.reply_to is not None:
                envelope.reply_to.set(response)
        except Exception:  # noqa: BLE001 - Pykka's contract: any exception is the asker's, or the actor's end
            return self._actor_fail(envelope)
        except BaseException as error:  # noqa: BLE001 - Pykka's contract: it stops all actors
            return self._actor_stop_all(error, envelope)
        return None

    async def _actor_finish(self, handler: Coroutine[Any, Any, Any], envelope: Envelope[Any]) -> None:
        rest: Rest | None = None
        try:
            response = await _not_cancelled(handler)
            if envelope.reply_to is not None:
                envelope.reply_to.set(response)
        except Exception:  # noqa: BLE001 - as in _actor_handle
            rest = self._actor_fail(envelope)
        except BaseException as error:  # noqa: BLE001 - as in _actor_handle
            rest = self._actor_stop_all(error, envelope)
        if rest is not None:
            await rest

    def _actor_fail(self, envelope: Envelope[Any]) -> Rest | None:
        """Give the exception being handled to the asker; nobody asked: to ``_actor_fail_told``."""
        if envelope.reply_to is None:
            return self._actor_fail_told(envelope.message)
        logger.info(f"Exception returned from {self} to caller:", exc_info=sys.exc_info())
        envelope.reply_to.set_exception()
        return None

    def _actor_fail_told(self, message: Any) -> Rest | None:
        """Let the exception being handled be the actor's end."""
        exc_info = sys.exc_info()
        self._handle_failure(*exc_info)
        return self._actor_call_hook(self.on_failure, *exc_info)

    def _actor_call_hook(self, hook: Callable[..., Any], *args: Any) -> Rest | None:
        """Pykka's rule for its hooks: what they raise is logged and stops the actor."""
        try:
            rest = hook(*args)
        except Exception:  # noqa: BLE001 - Pykka's contract
            self._handle_failure(*sys.exc_info())
            return None
        if type(rest) is CoroutineType:
            return self._actor_finish_hook(cast("Coroutine[Any, Any, Any]", rest))
        return None

    async def _actor_finish_hook(self, hook: Coroutine[Any, Any, Any]) -> None:
        try:
            await _not_cancelled(hook)
        except Exception:  # noqa: BLE001 - Pykka's contract
            self._handle_failure(*sys.exc_info())

    def _stop(self) -> Rest | None:  # type: ignore[override] # what is left of on_stop reaches _actor_handle as the response
        self._actor_unregister()
        logger.debug(f"Stopped {self}")
        return self._actor_call_hook(self.on_stop)

    def _actor_stop_all(self, error: BaseException, envelope: Envelope[Any]) -> Rest | None:
        logger.debug(f"{error!r} in {self}. Stopping all actors.")
        rest = self._stop()
        reject(envelope, self._actor_death_reason())
        # stop_all() waits for each actor before it stops the next, so it must not run on the loop.
        threading.Thread(target=ActorRegistry.stop_all, name="stop-all-actors", daemon=True).start()
        return rest

    def _actor_abandon(self) -> None:
        self._actor_unregister()
        self.actor_inbox.close(self._actor_death_reason())

    def _actor_unregister(self) -> None:
        ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()

    def _actor_death_reason(self) -> str:
        return f"{self.actor_ref} stopped before handling the message"


async def _not_cancelled(handler: Coroutine[Any, Any, Any]) -> Any:
    """Await ``handler``; its cancellation becomes an ordinary error, so that the asker does not look cancelled."""
    try:
        return await handler
    except asyncio.CancelledError as error:
        raise RuntimeError("the handler was cancelled") from error
