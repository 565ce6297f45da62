"""A Pykka runtime for asyncio: any number of actors on one event loop, Pykka's contract unchanged.

``LoopActor`` is the actor, ``LoopFuture`` its future, and ``use_loop`` names the loop for actors that are started on
threads that run none. Blocking work belongs to a ``BlockingActor``: a thread of its own, the same future.
"""

from actors.runtime.actor import MESSAGES_PER_TURN, LoopActor
from actors.runtime.blocking_actor import BlockingActor
from actors.runtime.future import LoopFuture
from actors.runtime.ref import LoopActorRef
from actors.runtime.run_queue import use_loop

__all__ = ["MESSAGES_PER_TURN", "BlockingActor", "LoopActor", "LoopActorRef", "LoopFuture", "use_loop"]
