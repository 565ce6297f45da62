"""Telling: where a message goes, later, and to an actor that may be gone."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pykka import ActorDeadError, ActorRef

M_contra = TypeVar("M_contra", contravariant=True)

Tell = Callable[[M_contra], None]
"""Where a message goes: ``ref.tell`` in the service, ``list.append`` in a test. Must not block and must not raise."""


def tell_if_alive(ref: ActorRef[Any], message: object) -> None:
    """Tell ``message`` to ``ref``, or drop it if the actor has stopped: with it went the need. Thread: any."""
    try:
        ref.tell(message)
    except ActorDeadError:
        return


class TellIfAlive:
    """``tell_if_alive`` with its ref: where messages go that one actor may miss, because it has gone. Thread: any."""

    __slots__ = ("ref",)

    def __init__(self, ref: ActorRef[Any]) -> None:
        self.ref = ref

    def __call__(self, message: object) -> None:
        """Tell ``message``, or drop it."""
        tell_if_alive(self.ref, message)


def tell_later(delay_s: float, ref: ActorRef[Any], message: object) -> asyncio.TimerHandle:
    """Tell ``message`` to ``ref`` after ``delay_s``, unless the actor has stopped by then.

    Thread: the event loop.
    """
    return asyncio.get_running_loop().call_later(delay_s, tell_if_alive, ref, message)
