from sys import getrefcount
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.fanout.slow_consumers import SlowConsumers
from actors.messages.connection import MAX_WAITING_BYTES, MAX_WAITING_FRAMES, ConnectionInfo, Deliver

TV, PHONE = (ConnectionInfo(name, "ann", name, lambda _: None) for name in ("tv", "phone"))


def deliver(frames: int = 1, frame: bytes = b"x") -> Deliver:
    return Deliver(None, (frame,) * frames)


@pytest.fixture
def slow() -> SlowConsumers:
    return SlowConsumers()


def test_a_connection_is_returned_what_came_after_it_in_order(slow: SlowConsumers) -> None:
    first, second, third = (deliver() for _ in range(3))
    slow.add(TV, 0, 0)
    slow.buffer(first)
    slow.add(PHONE, 0, 0)
    slow.buffer(second)
    assert slow.remove(TV) == [first, second]
    slow.buffer(third)
    assert slow.remove(PHONE) == [second, third]
    assert len(slow) == 0


def test_what_nobody_waits_for_any_more_is_let_go(slow: SlowConsumers) -> None:
    frames = (b"%d" % 1,)
    unused = getrefcount(frames)
    slow.add(TV, 0, 0)
    slow.buffer(Deliver(None, frames))
    slow.add(PHONE, 0, 0)
    assert getrefcount(frames) == unused + 1
    slow.remove(TV)
    assert getrefcount(frames) == unused


def test_who_is_not_here_is_returned_nothing(slow: SlowConsumers) -> None:
    slow.add(TV, 0, 0)
    slow.buffer(deliver())
    assert slow.remove(PHONE) == []
    assert TV in slow
    assert PHONE not in slow


@pytest.mark.parametrize(
    ("waiting", "last"),
    [
        ((0, 0), deliver(MAX_WAITING_FRAMES)),
        ((MAX_WAITING_FRAMES - 1, 0), deliver()),
        ((0, 0), deliver(frame=b"x" * MAX_WAITING_BYTES)),
        ((1, MAX_WAITING_BYTES - 9), deliver(frame=b"123456789")),
    ],
    ids=["frames", "frames, with those in its outbox", "bytes", "bytes, with those in its outbox"],
)
def test_the_bound_may_be_reached_and_not_passed(slow: SlowConsumers, waiting: tuple[int, int], last: Deliver) -> None:
    slow.buffer(deliver(MAX_WAITING_FRAMES))  # before it came
    slow.add(TV, *waiting)
    slow.buffer(last)
    assert slow.over_bound() == []
    slow.add(PHONE, 0, 0)
    slow.buffer(deliver())
    assert slow.over_bound() == [TV]


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(1, 100)),
        st.tuples(st.just("add"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 5)),
    ),
    max_size=60,
)


@given(Steps)
def test_it_keeps_for_each_what_a_queue_of_its_own_would_keep(steps: list[tuple[str, int]]) -> None:
    everybody = [ConnectionInfo(str(number), "ann", "d", lambda _: None) for number in range(6)]
    slow = SlowConsumers()
    queues: dict[ConnectionInfo, list[Any]] = {}
    for step, number in steps:
        if step == "keep":
            delivery = deliver(number)
            slow.buffer(delivery)
            for queue in queues.values():
                queue.append(delivery)
        elif step == "add" and everybody[number] not in queues:
            slow.add(everybody[number], 0, 0)
            queues[everybody[number]] = []
        elif step == "remove":
            assert slow.remove(everybody[number]) == queues.pop(everybody[number], [])
        assert list(slow) == list(queues)
        over = [c for c, queue in queues.items() if sum(len(d.frames) for d in queue) > MAX_WAITING_FRAMES]
        assert slow.over_bound() == over
