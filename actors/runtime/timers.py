"""Messages that arrive later."""

import asyncio
from typing import Any

from pykka import ActorRef

from actors.runtime.tell import tell_if_alive


def tell_later(delay_s: float, ref: ActorRef[Any], message: object) -> asyncio.TimerHandle:
    """Tell ``message`` to ``ref`` after ``delay_s``, unless the actor has stopped by then.

    Thread: the event loop.
    """
    return asyncio.get_running_loop().call_later(delay_s, tell_if_alive, ref, message)
