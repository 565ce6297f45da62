from typing import Any

import msgspec
import pytest

from actors.messages.commands import MAX_PAYLOAD_BYTES
from actors.messages.device import (
    Ack,
    Authenticate,
    CommandToDevice,
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
from actors.messages.devices import MAX_CAPABILITIES_BYTES
from actors.messages.journal import Status
from actors.messages.sync import DeviceCommand, ProgressUpdate, WatchlistUpdate
from crdt.hlc import HLCTimestamp
from tests.contents import SPELLED, SPELLINGS
from transport.websocket.device_codec import decode, encode
from transport.wire.frames import payloads_in

FILM = "550e8400-e29b-41d4-a716-446655440000"
STAMP = HLCTimestamp(1, 2, "n")


@pytest.mark.parametrize(
    ("message", "json"),
    [
        (
            WatchlistUpdate(content_id=FILM, action="add"),
            {"type": "watchlist_update", "content_id": FILM, "action": "add"},
        ),
        (
            ProgressUpdate(FILM, 5, 60),
            {"type": "progress_update", "content_id": FILM, "position": 5, "duration": 60},
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
                items=(SnapshotItem(content_id=FILM, unique_tag="t", timestamp=STAMP, device_id="tv"),),
            ),
            {
                "type": "watchlist_snapshot",
                "revision": 3,
                "epoch": "e",
                "items": [
                    {
                        "content_id": FILM,
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
    ((_, payload, _),) = payloads_in(encode(message))
    assert msgspec.json.decode(payload) == json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"ping"}', Ping()),
        ('{"type":"pong"}', Pong()),
        (
            '{"type":"device_heartbeat","capabilities":{"hdr":["hdr10"]}}',
            DeviceHeartbeat(capabilities={"hdr": ["hdr10"]}),
        ),
        ('{"type":"device_heartbeat","network":null}', DeviceHeartbeat()),
        (
            '{"type":"device_command","target_device_id":"tv","command_type":"seek","payload":{"position_seconds":9}}',
            CommandToDevice("tv", "seek", {"position_seconds": 9}),
        ),
        ('{"type":"authenticate","token":"t","id":"a"}', Authenticate("t", "a")),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM.upper()}"}}',
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
        ("{}", "unknown_type", "type", None),
        ('{"id":"n"}', "unknown_type", "type", "n"),
        ('{"type":"dance","id":"d"}', "unknown_type", "type", "d"),
        ('{"type":5}', "unknown_type", "type", None),
        ('{"type":"authenticate"}', "invalid_field", "token", None),
        ('{"type":"device_command","target_device_id":"tv","id":"c"}', "invalid_field", "command_type", "c"),
        (
            '{"type":"device_command","target_device_id":"tv","command_type":"say","payload":"%s","id":"c"}'
            % ("x" * MAX_PAYLOAD_BYTES),
            "invalid_field",
            "payload",
            "c",
        ),
        (
            '{"type":"device_heartbeat","capabilities":{"all":"%s"},"id":1}' % ("x" * MAX_CAPABILITIES_BYTES),
            "invalid_field",
            "capabilities",
            1,
        ),
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
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM}","timestamp":{{"physical":1}}}}',
            "invalid_field",
            "timestamp",
            None,
        ),
        (
            f'{{"type":"list_update","list":"no space","operation":"add","content_id":"{FILM}","id":7}}',
            "invalid_field",
            "list",
            7,
        ),
        (
            f'{{"type":"watchlist_update","operation":"add","content_id":"{FILM}","timestamp":"now"}}',
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
    assert message == WatchlistWrite("add", SPELLED, id=1)


def test_of_what_is_no_content_id_the_device_is_told_what_to_do() -> None:
    refused = decode('{"type":"watchlist_update","operation":"add","content_id":"tt0111161","id":1}')
    assert isinstance(refused, Malformed)
    assert refused.message.startswith("content_id: must be a UUID; of an id of another kind make a UUIDv5")


MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def test_a_byte_order_mark_before_a_message_is_ignored() -> None:
    assert decode(MARK + '{"type":"ping"}') == Ping()
    refused = decode(MARK + '{"type":"watchlist_update","operation":"add","content_id":"tt1","id":1}')
    assert isinstance(refused, Malformed)
    assert (refused.code, refused.id) == ("invalid_field", 1)


@pytest.mark.parametrize("text", [MARK * 1_000 + '{"type":"ping"}', MARK, " " + MARK + '{"type":"ping"}'])
def test_it_is_one_and_nowhere_else(text: str) -> None:
    refused = decode(text)
    assert isinstance(refused, Malformed)
    assert refused.code == "malformed"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("device_name", {"type": "device_heartbeat"}),
        ("platform", {"type": "device_update", "device_id": "tv"}),
        ("device_id", {"type": "device_update"}),
        ("target_device_id", {"type": "device_command", "command_type": "play"}),
    ],
)
def test_a_message_with_a_wrong_name_is_refused_with_the_rule_for_names(field: str, message: dict[str, str]) -> None:
    refused = decode(msgspec.json.encode({**message, field: "a\x07b", "id": "n"}).decode())
    assert isinstance(refused, Malformed)
    assert (refused.code, refused.field, refused.id) == ("invalid_field", field, "n")
    assert refused.message.startswith(f"{field}: must be a text of 1 to 128 characters, none of them a control")
