"""Asking: a request names the type of its answer, so that nobody has to cast it."""

from typing import Any, Generic, TypeVar

from msgspec import Struct
from pykka import ActorRef
from pykka.messages import ProxyGetAttr

from actors.runtime.future import LoopFuture

R = TypeVar("R")


class Request(Struct, Generic[R], frozen=True):
    """A message that is answered with an ``R``: ``class Count(Request[int], frozen=True)``."""


def ask(ref: ActorRef[Any], request: Request[R]) -> LoopFuture[R]:
    """Ask ``ref`` and return the future of its answer; never blocks. Thread: any.

    The future raises what the actor's handler raised, and ``ActorDeadError`` if the actor stops before it answers.
    """
    answer = ref.ask(request, block=False)
    assert isinstance(answer, LoopFuture), "actors of this runtime answer with its own futures"
    return answer


async def started(ref: ActorRef[Any]) -> None:
    """Return once ``ref``'s actor has run ``on_start``: a start barrier. Thread: the event loop.

    Raises:
        ActorDeadError: it died in it.
    """
    await ref.ask(ProxyGetAttr(attr_path=("actor_urn",)), block=False)


async def stopped(ref: ActorRef[Any]) -> None:
    """Stop ``ref``'s actor behind the messages that wait for it, and return when it has. Thread: the event loop."""
    await ref.stop(block=False)
