"""From a world that breaks the promise to a smaller one that still does: the same seed, with less in it."""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from simulation.shape import Shape

MAX_WORLDS: Final = 60
"""Tried at most: a few seconds."""


def shrink(shape: Shape, breaks: Callable[[Shape], bool]) -> Shape:
    """Return the smallest shape found for which ``breaks`` still holds, as it does for ``shape``.

    Greedy: whatever can go, goes. What a seed draws changes with each shape, so another violation may be found: it is
    one, too.
    """
    left = MAX_WORLDS
    candidates = smaller(shape)
    while left and (candidate := next(candidates, None)) is not None:
        left -= 1
        if breaks(candidate):
            shape, candidates = candidate, smaller(candidate)
    return shape


def smaller(shape: Shape) -> Iterator[Shape]:
    """Yield each shape that is one step smaller, those that lose most first."""
    if shape.steps > 1:
        yield replace(shape, steps=shape.steps // 2)
    if shape.javascript:
        yield replace(shape, javascript=0.0)
    if shape.content_ids != "uuid":
        yield replace(shape, content_ids="uuid")
    if shape.commands:
        yield replace(shape, commands=False)
    if shape.renames:
        yield replace(shape, renames=False)
    if shape.plays:
        yield replace(shape, plays=False)
    if shape.follows:
        yield replace(shape, follows=False)
    if shape.lists:
        yield replace(shape, lists=0)
    for fault in sorted(shape.faults):
        yield replace(shape, faults=shape.faults - {fault})
    if shape.users > 1:
        yield replace(shape, users=shape.users - 1)
    if shape.nodes > 1:
        yield replace(shape, nodes=shape.nodes - 1)
    if shape.devices > 1:
        yield replace(shape, devices=shape.devices - 1)
    if shape.contents > 1:
        yield replace(shape, contents=shape.contents // 2)
