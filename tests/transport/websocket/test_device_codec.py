from typing import Any
from uuid import UUID

import msgspec
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from actors.messages.device import (
    Ack,
    Authenticate,
    DeviceHeartbeat,
    Error,
    Goodbye,
    Malformed,
    Ping,
    Pong,
    Resumed,
    SnapshotItem,
    WatchlistSnapshot,
    WatchlistWrite,
)
from actors.messages.journal import Status
from actors.messages.sync import DeviceCommand, ProgressUpdate, WatchlistUpdate
from crdt.hlc import HLCTimestamp
from tests.contents import SPELLED, SPELLINGS
from transport.websocket.device_codec import FRAGMENT_BYTES, decode, encode, fragments, frame

FILM = UUID("550e8400-e29b-41d4-a716-446655440000")
STAMP = HLCTimestamp(1, 2, "n")


def read_by_websockets(frames: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
    client.receive_data(frames)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1_023, 1_024, 65_535, 65_536, 200_000])
def test_a_frame_of_any_size_is_read_by_another_implementation(size: int) -> None:
    (read,) = read_by_websockets(frame(b"x" * size))
    assert (read.opcode, read.fin, read.data) == (Opcode.TEXT, True, b"x" * size)


def test_frames_can_be_joined() -> None:
    assert [read.data for read in read_by_websockets(frame(b"one") + frame(b"") + frame(b"two" * 50))] == [
        b"one", b"", b"two" * 50,
    ]  # fmt: skip


SIZES = (0, 1, FRAGMENT_BYTES - 1, FRAGMENT_BYTES, FRAGMENT_BYTES + 1, 3 * FRAGMENT_BYTES + 5)


@pytest.mark.parametrize("size", SIZES)
def test_a_message_in_fragments_is_read_by_another_implementation(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    read = read_by_websockets(b"".join(fragments(payload, opens=True, closes=True)))
    assert b"".join(one.data for one in read) == payload
    assert [one.opcode for one in read] == [Opcode.TEXT] + [Opcode.CONT] * (len(read) - 1)
    assert [one.fin for one in read] == [False] * (len(read) - 1) + [True]
    assert all(len(one.data) <= FRAGMENT_BYTES for one in read)
    assert len(read) == max(1, -(-size // FRAGMENT_BYTES))


@pytest.mark.parametrize("middle", [b"", b"x" * (FRAGMENT_BYTES + 1)])
def test_a_message_may_be_fragmented_part_by_part(middle: bytes) -> None:
    parts = (
        *fragments(b"one", opens=True, closes=False),
        *fragments(middle, opens=False, closes=False),
        *fragments(b"", opens=False, closes=True),
    )
    read = read_by_websockets(b"".join(parts))
    assert b"".join(one.data for one in read) == b"one" + middle
    assert [one.fin for one in read] == [False] * (len(read) - 1) + [True]
    assert [one.opcode for one in read] == [Opcode.TEXT] + [Opcode.CONT] * (len(read) - 1)


def test_a_short_message_is_one_frame() -> None:
    assert fragments(b"short", opens=True, closes=True) == (frame(b"short"),)


@pytest.mark.parametrize(
    ("message", "json"),
    [
        (
            WatchlistUpdate(content_id=FILM, action="add"),
            {"type": "watchlist_update", "content_id": str(FILM), "action": "add"},
        ),
        (
            ProgressUpdate(FILM, 5, 60),
            {"type": "progress_update", "content_id": str(FILM), "position": 5, "duration": 60},
        ),
        (DeviceCommand("play"), {"type": "device_command", "command": "play"}),
        (Ack(status=Status.EXISTING), {"type": "ack", "status": "existing"}),
        (
            Error(code="refused", message="no", id=3),
            {"type": "error", "id": 3, "code": "refused", "message": "no"},
        ),
        (
            Resumed(recovered=True, revision=3, epoch="e"),
            {"type": "resumed", "recovered": True, "revision": 3, "epoch": "e"},
        ),
        (Goodbye(10), {"type": "goodbye", "reconnect_in_ms": 10}),
        (Pong(), {"type": "pong"}),
        (
            WatchlistSnapshot(
                revision=3,
                epoch="e",
                items=(SnapshotItem(content_id=str(FILM), unique_tag="t", timestamp=STAMP, device_id="tv"),),
            ),
            {
                "type": "watchlist_snapshot",
                "revision": 3,
                "epoch": "e",
                "items": [
                    {
                        "content_id": str(FILM),
                        "unique_tag": "t",
                        "timestamp": {"physical": 1, "logical": 2, "node": "n"},
                        "device_id": "tv",
                    }
                ],
            },
        ),
    ],
)
def test_messages_to_a_device_have_their_documented_shape(message: Any, json: dict[str, Any]) -> None:
    (read,) = read_by_websockets(encode(message))
    assert msgspec.json.decode(bytes(read.data)) == json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"ping"}', Ping()),
        ('{"type":"pong"}', Pong()),
        ('{"type":"device_heartbeat","capabilities":{"hdr":["hdr10"]}}', DeviceHeartbeat()),
        ('{"type":"authenticate","token":"t","id":"a"}', Authenticate("t", "a")),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{str(FILM).upper()}"}}',
            WatchlistWrite("add", FILM),
        ),
        (
            f'{{"type":"watchlist_update","operation":"remove","content_id":"{FILM}","id":7,"observed":3,'
            '"operation_id":"o","timestamp":{"physical":1,"logical":2,"node":"n"},"tag":"t","extra":[1]}',
            WatchlistWrite("remove", FILM, "o", "t", 3, STAMP, id=7),
        ),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM}","timestamp":1700000000}}',
            WatchlistWrite("add", FILM, timestamp=1_700_000_000),
        ),
    ],
)
def test_messages_of_a_device_are_understood(text: str, message: Any) -> None:
    assert decode(text) == message


@pytest.mark.parametrize(
    ("text", "code", "field", "message_id"),
    [
        ("", "malformed", None, None),
        ("{", "malformed", None, None),
        ("[" * 8_000, "malformed", None, None),
        ('{"type":"ping"', "malformed", None, None),
        ("[]", "malformed", None, None),
        ("7", "malformed", None, None),
        ("{}", "invalid_field", "type", None),
        ('{"type":"dance","id":"d"}', "unknown_type", "type", "d"),
        ('{"type":5}', "unknown_type", "type", None),
        ('{"type":"authenticate"}', "invalid_field", "token", None),
        ('{"type":"watchlist_update","id":4}', "invalid_field", "operation", 4),
        (
            '{"type":"watchlist_update","operation":"add","content_id":"123","id":"w"}',
            "invalid_field",
            "content_id",
            "w",
        ),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"urn:uuid:{FILM}","id":"w","observed":-1}}',
            "invalid_field",
            "observed",
            "w",
        ),
        (f'{{"type":"watchlist_update","operation":"add","content_id":"{{{FILM}}}",', "malformed", None, None),
        (
            f'{{"type":"watchlist_update","operation":"burn","content_id":"{FILM}"}}',
            "invalid_field",
            "operation",
            None,
        ),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM}","observed":-1}}',
            "invalid_field",
            "observed",
            None,
        ),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM}","id":"{"i" * 129}"}}',
            "invalid_field",
            "id",
            None,
        ),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM}",'
            '"timestamp":{"physical":-1,"logical":0,"node":"n"}}',
            "invalid_field",
            "timestamp",
            None,
        ),
    ],
)
def test_what_is_not_understood_names_the_field_and_keeps_the_id(
    text: str, code: str, field: str | None, message_id: str | int | None
) -> None:
    refused = decode(text)
    assert isinstance(refused, Malformed)
    assert (refused.code, refused.field, refused.id) == (code, field, message_id)
    assert refused.message.endswith(".")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_content_may_be_spelled_as_people_do(spelling: str) -> None:
    message = decode(f'{{"type":"watchlist_update","operation":"add","content_id":"{spelling}","id":1}}')
    assert message == WatchlistWrite("add", UUID(SPELLED), id=1)


def test_of_what_is_no_content_id_the_device_is_told_what_to_do() -> None:
    refused = decode('{"type":"watchlist_update","operation":"add","content_id":"tt0111161","id":1}')
    assert isinstance(refused, Malformed)
    assert refused.message.startswith("content_id: must be a UUID; of an id of another kind make a UUIDv5")
