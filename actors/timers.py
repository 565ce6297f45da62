"""Messages that arrive later."""

import asyncio
from typing import Any

from pykka import ActorDeadError, ActorRef


def tell_later(delay_s: float, ref: ActorRef[Any], message: object) -> asyncio.TimerHandle:
    """Tell ``message`` to ``ref`` after ``delay_s``, unless the actor has stopped by then.

    Thread: the event loop.
    """
    return asyncio.get_running_loop().call_later(delay_s, _tell_if_alive, ref, message)


def _tell_if_alive(ref: ActorRef[Any], message: object) -> None:
    try:
        ref.tell(message)
    except ActorDeadError:  # whoever set the timer is gone, and with it the need
        return
