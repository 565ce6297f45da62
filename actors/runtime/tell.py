"""Telling an actor that may be gone."""

from typing import Any

from pykka import ActorDeadError, ActorRef


def tell_if_alive(ref: ActorRef[Any], message: object) -> None:
    """Tell ``message`` to ``ref``, or drop it if the actor has stopped: with it went the need. Thread: any."""
    try:
        ref.tell(message)
    except ActorDeadError:
        return
