import asyncio

import pytest

from transport.loop.per_loop import PerLoop

Made = list[asyncio.AbstractEventLoop]


async def of_running(lists: PerLoop[Made]) -> Made:
    return lists.of_running_loop()


def test_each_loop_has_a_value_of_its_own() -> None:
    lists: PerLoop[Made] = PerLoop(lambda loop: [loop])
    with asyncio.Runner() as runner, asyncio.Runner() as other:
        first, again, others = (each.run(of_running(lists)) for each in (runner, runner, other))
        assert first is again
        assert (first, others) == ([runner.get_loop()], [other.get_loop()])


def test_a_loop_may_be_given_a_value() -> None:
    lists: PerLoop[Made] = PerLoop(lambda loop: [loop])
    given: Made = []
    with asyncio.Runner() as runner:
        lists.use(given, runner.get_loop())
        assert runner.run(of_running(lists)) is given


def test_without_a_running_loop_there_is_no_value() -> None:
    with pytest.raises(RuntimeError):
        PerLoop(lambda loop: loop).of_running_loop()
