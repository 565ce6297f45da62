"""The queue of what is not settled."""

import sys
from types import FrameType

from syncd_client.data import write_queue
from syncd_client.data.register_messages import RegisterAction
from syncd_client.data.user_collections import UserCollections


def _content(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


def _calls_of_a_report(queued: int) -> int:
    """Return how many of the queue's calls it takes to queue one report, behind ``queued`` others."""
    collections = UserCollections("alice", None, lambda: "r1")
    says = {"position_seconds": 1, "state": "paused"}
    for number in range(queued):
        collections.write(collections.progress, "update", _content(number), says, 1)
    calls = 0

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename == write_queue.__file__  # each step of a generator is one

    sys.setprofile(count)
    try:
        collections.write(collections.progress, "update", _content(queued), says, 1)
    finally:
        sys.setprofile(None)
    return calls


def test_a_report_costs_the_same_however_many_others_wait() -> None:
    assert _calls_of_a_report(queued=300) == _calls_of_a_report(queued=3)


def test_an_update_takes_the_place_of_those_of_its_content_alone_behind_its_last_remove() -> None:
    collections = UserCollections("alice", None, lambda: "r1")
    progress = collections.progress
    said: list[tuple[RegisterAction, int]] = [("update", 1), ("update", 2), ("remove", 1), ("update", 1), ("update", 1)]
    for operation, number in said:
        says = {"position_seconds": number, "state": "paused"} if operation == "update" else None
        collections.write(progress, operation, _content(number), says, 1)
    assert [(write.operation, write.content_id) for write in collections.queue] == [
        ("update", _content(2)),
        ("remove", _content(1)),
        ("update", _content(1)),
    ]
    assert collections.queue.of_content(progress.name, _content(3)) == []
