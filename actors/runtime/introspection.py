"""What every actor of this process is doing at this moment, seen without disturbing it."""

import asyncio
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from pykka import ActorRef, ActorRegistry

from actors.runtime.inbox import LoopInbox


class ActorState(Struct, frozen=True, eq=False):
    """One actor. ``handler``: what its ``async def`` handler has left to do, while the mailbox waits for that."""

    ref: ActorRef[Any]
    waiting: int
    """Messages in its mailbox."""
    handler: asyncio.Task[None] | None = None
    handler_began_s: float = 0.0
    """By the loop's clock."""


def actor_states() -> list[ActorState]:
    """Return the state of every running actor, oldest first.

    Thread: the event loop, between two turns. Cost: a microsecond for each.
    """
    return [_state(ref) for ref in ActorRegistry.get_all()]


def mailbox_size(ref: ActorRef[Any]) -> int:
    """Return how many messages wait for an actor. Thread: any."""
    inbox: Any = ref.actor_inbox
    size: int = inbox.qsize()
    return size


def messages_waiting(ref: ActorRef[Any]) -> Iterator[Any]:
    """Return the messages in an actor's mailbox, oldest first, and leave them there. Thread: any."""
    inbox: Any = ref.actor_inbox
    if isinstance(inbox, LoopInbox):
        return inbox.waiting()
    return (envelope.message for envelope in tuple(inbox.queue))  # a thread actor's


def _state(ref: ActorRef[Any]) -> ActorState:
    inbox: Any = ref.actor_inbox
    waiting = inbox.qsize()
    if isinstance(inbox, LoopInbox) and (actor := inbox.actor) is not None:
        return ActorState(ref, waiting, actor._actor_task, actor._actor_task_began_s)  # pyright: ignore[reportPrivateUsage] # see TurnTaker
    return ActorState(ref, waiting)
