"""A ref never blocks a running event loop."""

from typing import Any

import pytest
from pykka import ActorDeadError

from tests.fakes.recorder import Keep, Recorder


async def test_what_would_block_the_loop_is_refused_and_not_sent(started: Keep) -> None:
    record: list[Any] = []
    ref = started(Recorder.start(record))
    for block in (lambda: ref.ask("asked"), ref.stop, ref.ask("sent", block=False).get):
        with pytest.raises(RuntimeError, match="running event loop"):
            block()
    assert await ref.ask("alive", block=False) is None
    assert record == ["sent", "alive", "idle"]


async def test_dead_actors_need_no_blocking_and_answer_at_once() -> None:
    ref = Recorder.start([])
    assert await ref.stop(block=False) is True
    assert ref.stop() is False
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?")
