"""What a bulk of writes is answered with, as messages."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import structs
from syncd_client.data.hlc import Timestamp
from syncd_client.data.messages import Ack, Error, ListWrite, Write
from syncd_client.data.register_messages import DeviceWrite, ProgressWrite
from syncd_client.transport.operations_post import answers, body_of, count_that_fits

WRITES = [
    Write(id=f"r.{number}", operation="add", content_id=f"c{number}", operation_id=f"r.{number}", observed=0)
    for number in (1, 2)
]


def results(*given: dict[str, Any]) -> bytes:
    return json.dumps({"results": given}).encode()


def test_the_body_has_the_writes_in_order() -> None:
    operations = json.loads(body_of(WRITES))["operations"]
    assert [operation["operation_id"] for operation in operations] == ["r.1", "r.2"]
    assert "list" not in operations[0]
    in_list = ListWrite(id="r.3", operation="add", content_id="c", operation_id="r.3", observed=0, list="kids")
    (operation,) = json.loads(body_of([in_list]))["operations"]
    assert operation["list"] == "kids"


def test_one_request_takes_at_most_32_kib_and_the_first_write_whatever_it_has() -> None:
    def with_data(characters: int, character: str = "x") -> Write:
        return structs.replace(WRITES[0], data={"note": character * characters})

    size = len(msgspec.json.encode(with_data(900)))
    assert count_that_fits([with_data(900)] * 64) == (32 << 10) // size
    assert len(body_of([with_data(900)] * count_that_fits([with_data(900)] * 64))) < 33 << 10
    assert count_that_fits([with_data(300, "世")] * 64) == count_that_fits([with_data(900)] * 64)
    assert (count_that_fits(WRITES), count_that_fits([with_data(40_000), WRITES[0]])) == (2, 1)


def test_a_write_of_registers_names_its_collection_in_place_of_its_type_and_id() -> None:
    stamp = Timestamp(5, 0, "r")
    stopped = ProgressWrite(
        id="r.1", operation="update", content_id="c", position_seconds=7, state="stopped", timestamp=stamp
    )
    forget = DeviceWrite(id="r.2", operation="remove", device_id="tv", operation_id="r.2")
    update, remove = json.loads(body_of([stopped, forget]))["operations"]
    assert update == {
        "collection": "progress",
        "operation": "update",
        "content_id": "c",
        "position_seconds": 7,
        "state": "stopped",
        "timestamp": {"physical": 5, "logical": 0, "node": "r"},
    }
    assert remove == {"collection": "devices", "operation": "remove", "device_id": "tv", "operation_id": "r.2"}
    result = results({"status": "superseded", "revision": 3, "timestamp": update["timestamp"]}, {"status": "not_found"})
    assert answers([stopped, forget], 200, 0, result, is_own=False) == [
        Ack("superseded", "r.1", 3, stamp),
        Error("not_found", id="r.2"),
    ]


def test_each_result_becomes_the_message_that_a_websocket_would_bring() -> None:
    stamp = {"physical": 5, "logical": 0, "node": "n"}
    added = {"success": True, "status": "added", "revision": 7, "timestamp": stamp}
    assert answers(WRITES, 200, 0, results(added, {"success": True, "status": "existing"}), is_own=False) == [
        Ack("added", "r.1", 7, Timestamp(5, 0, "n")),
        Ack("existing", "r.2"),
    ]
    full = {"success": False, "status": "refused", "detail": "full", "code": "quota_exceeded", "field": "content_id"}
    assert answers(WRITES, 200, 0, results({"success": False, "status": "not_found"}, full), is_own=False) == [
        Error("not_found", id="r.1"),
        Error("quota_exceeded", "full", "r.2", "content_id"),
    ]
    old = {"success": False, "status": "refused", "detail": "too old"}
    assert answers(WRITES[:1], 200, 0, results(old), is_own=False) == [Error("refused", "too old", "r.1")]


@pytest.mark.parametrize(
    ("retry_after_s", "is_own", "after_ms"),
    [(3, True, 3_000), (0, True, None), (86_400, True, 300_000), (86_400, False, 60_000)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_decides_nothing_is_tried_again_later(
    status: int, retry_after_s: float, is_own: bool, after_ms: int | None
) -> None:
    assert answers(WRITES, status, retry_after_s, b"busy", is_own=is_own) == [
        Error("try_again_later", id=write.id, retry_after_ms=after_ms) for write in WRITES
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<h1>Log in</h1>"),
        (200, b"\xff"),
        (200, b"{}"),
        (200, results({"success": True, "status": "added"})),
        (302, b""),
        (401, b"{}"),
        (500, b""),
    ],
)
def test_what_is_no_answer_of_the_service_is_none(status: int, body: bytes) -> None:
    assert answers(WRITES, status, 0, body, is_own=False) is None
