"""A user's lists are written to in every way, and whatever comes of it that must not is reported."""

import re
from typing import Any, Final

import pytest
from msgspec.structs import replace

from simulation.clock.event_log import text_of
from simulation.life import run_world
from simulation.people import list_author
from simulation.people.http_client import Response
from simulation.shape import draw_shape

SHAPE: Final = replace(
    draw_shape(2),
    nodes=2,
    users=1,
    devices=1,
    steps=90,
    pause_s=0.1,
    javascript=0.0,
    lists=2,
    follows=False,
    commands=False,
    plays=False,
    kept=3,
    faults=frozenset(),
)


def test_lists_are_written_deleted_and_written_again_and_the_promise_holds() -> None:
    verdict = run_world(SHAPE)
    assert verdict.violations == ()
    said = "\n".join(map(text_of, verdict.events))
    assert " repeats " in said
    for name in list_author.NAMES:
        assert re.search(rf" add \S+ in {name} .* deletes {name} .* add \S+ in {name} ", said, re.DOTALL)


async def late(*_: Any, **__: Any) -> Response:
    return Response(200, {"revision": 7, "changes": [], "status": "added", "lists": []})


@pytest.mark.actors_may_fail
def test_another_answer_than_the_one_it_must_get_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_author, "exchange", late)
    assert any("user-" in text for text in run_world(SHAPE).violations)
