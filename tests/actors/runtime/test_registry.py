"""Pykka's registry holds its actors in a dict, and nobody who uses it can tell."""

from collections.abc import Callable
from typing import Any

import pytest
from pykka import ActorRef, ActorRegistry

from actors.runtime import LoopActor
from actors.runtime.registry import ActorRefs, count_actors, use_flat_registry

Started = Callable[[ActorRef[Any]], ActorRef[Any]]


class Worker(LoopActor):
    """Does nothing."""


async def test_actors_are_listed_in_the_order_of_their_starts_and_leave_from_the_middle(started: Started) -> None:
    before = ActorRegistry.get_all()
    first, second, third = (started(Worker.start()) for _ in range(3))
    await second.stop(block=False)
    assert ActorRegistry.get_all() == [*before, first, third]
    assert ActorRegistry.get_by_class(Worker) == [first, third]
    assert ActorRegistry.get_by_urn(third.actor_urn) is third
    assert ActorRegistry.get_by_urn(second.actor_urn) is None


async def test_an_actor_that_is_unregistered_twice_is_none_of_the_registrys_business(started: Started) -> None:
    ref = started(Worker.start())
    ActorRegistry.unregister(ref)
    ActorRegistry.unregister(ref)
    assert ref not in ActorRegistry.get_all()


async def test_the_registry_is_made_flat_once(started: Started) -> None:
    ref = started(Worker.start())
    use_flat_registry()
    assert ref in ActorRegistry.get_all()


async def test_what_was_registered_before_stays(started: Started) -> None:
    first, second = started(Worker.start()), started(Worker.start())
    refs = ActorRefs([first, second])
    assert (list(refs), len(refs), refs[1:]) == ([first, second], 2, [second])
    refs.remove(first)
    assert first not in refs
    with pytest.raises(KeyError):
        refs.remove(first)


async def test_actors_are_counted(started: Started) -> None:
    before = count_actors()
    refs = [started(Worker.start()) for _ in range(3)]
    assert count_actors() == before + 3 == len(ActorRegistry.get_all())
    await refs[0].stop(block=False)
    assert count_actors() == before + 2
