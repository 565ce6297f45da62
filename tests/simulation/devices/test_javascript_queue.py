"""What the JavaScript client's saves say of progress is what the Python client would have queued."""

import msgspec
from msgspec import Raw
from syncd_client.data.hlc import Timestamp

from simulation.devices.javascript_queue import JavascriptQueue

STAMP = Timestamp(1_764_000_000_000, 2, "r1")


def saved(*changes: object) -> Raw:
    return Raw(msgspec.json.encode(changes))


def queued(number: int, key: str, **fields: object) -> dict[str, object]:
    write = {"number": number, "operation_id": f"r1.{number}", "content_id": key, "timestamp": STAMP, "observed": 0}
    return {"queue": write | fields}


def test_words_about_progress_are_told_once_and_when_they_are_settled() -> None:
    queue = JavascriptQueue()
    saves = [
        saved({"set": {"operations": 1}}, queued(1, "film", operation="add", tag="r1:1")),
        saved(queued(2, ":progress\x1ffilm", operation="update", data={"position_seconds": 5})),
    ]
    ((operation_id, write),) = queue.changes(saves)
    assert write is not None
    assert (operation_id, write.operation_id, write.operation, write.content_id) == ("r1.2", "r1.2", "update", "film")
    assert (write.data, write.timestamp, write.is_unstamped) == ({"position_seconds": 5}, STAMP, False)
    assert list(queue.changes(saves)) == []
    saves.append(
        saved({"settle": 1}, queued(3, ":progress\x1ffilm", operation="remove", isUnstamped=True), {"settle": 2})
    )
    (removed_id, removal), settled = queue.changes(saves)
    assert removal is not None
    assert (removed_id, removal.operation, removal.is_unstamped) == ("r1.3", "remove", True)
    assert settled == ("r1.2", None)
