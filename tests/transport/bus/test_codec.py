import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import BusMessageRefused
from actors.messages.channel import (
    BusMessage,
    ChannelCommand,
    HeadMoved,
    PubNubDeviceCommand,
    PubNubDeviceHandoff,
    PubNubDeviceHeartbeat,
    PubNubDevicesSeen,
    PubNubDeviceUpdate,
    PubNubListsChanged,
    PubNubProgressUpdate,
    PubNubWatchlistUpdate,
)
from actors.messages.devices import DeviceSeen
from crdt.hlc import HLCTimestamp
from transport.bus.codec import BusCodec

KEY = b"a key that nodes share, long enough"
CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
STAMP = HLCTimestamp(1_764_000_000_000, 3, "here")
OURS = PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:1", STAMP, "tv ☃", revision=7, origin="here")
FOREIGN = PubNubWatchlistUpdate("remove", CONTENT_ID, "movie-123", STAMP, "tv")
COMMAND = PubNubDeviceCommand("tv", ChannelCommand("seek", payload='{"s":1.0}'), id="1", origin="here", sent_ms=1)
RENAMED = PubNubDeviceUpdate(
    device_id="tv", operation="update", capabilities='{"s":1.0}', timestamp=STAMP, revision=7, origin="here"
)
SEEN = PubNubDevicesSeen((DeviceSeen("tv", is_online=True, last_seen_ms=1),), "1", "here", 1)
CHANGED = PubNubListsChanged("2", "here", 1)
MESSAGES: list[BusMessage] = [
    RENAMED,
    SEEN,
    CHANGED,
    OURS,
    FOREIGN,
    HeadMoved(9, "here"),
    PubNubProgressUpdate(CONTENT_ID, 1, 2, STAMP, "tv"),
    PubNubDeviceHandoff("tv", CONTENT_ID, None, 17),
    COMMAND,
    PubNubDeviceCommand("tv", ChannelCommand("handoff:" + "☃" * 128), id="1", origin="here", sent_ms=1),  # any text
    PubNubDeviceHeartbeat(device_id="tv", capabilities={"can_cast": True}),
]


def reason_of(codec: BusCodec, payload: bytes) -> str:
    with pytest.raises(BusMessageRefused) as refused:
        codec.decode("ann", payload)
    return refused.value.reason


@pytest.mark.parametrize("codec", [BusCodec(), BusCodec(KEY), BusCodec(KEY, are_foreign_allowed=False)])
@pytest.mark.parametrize("message", MESSAGES)
def test_what_a_node_sends_another_one_reads(codec: BusCodec, message: BusMessage) -> None:
    assert codec.decode("ann", codec.encode("ann", message)) == message


def test_the_documented_message_is_on_the_channel_as_documented() -> None:
    fields = json.loads(BusCodec().encode("ann", OURS))
    assert fields == {
        "type": "watchlist_update",
        "operation": "add",
        "content_id": CONTENT_ID,
        "unique_tag": "syncd:1",
        "timestamp": {"physical": 1_764_000_000_000, "logical": 3, "node": "here"},
        "device_id": "tv ☃",
        "revision": 7,
        "origin": "here",
    }


def test_a_bus_may_parse_the_json_and_encode_it_again() -> None:
    fields = json.loads(BusCodec(KEY).encode("ann", OURS))
    mangled = json.dumps(dict(reversed(fields.items())), indent=1).encode()
    assert BusCodec(KEY).decode("ann", mangled) == OURS


@pytest.mark.parametrize(("field", "value"), [("content_id", "other"), ("revision", 8), ("unique_tags", ["x"])])
def test_an_altered_message_is_forged(field: str, value: Any) -> None:
    fields = json.loads(BusCodec(KEY).encode("ann", OURS)) | {field: value}
    assert reason_of(BusCodec(KEY), json.dumps(fields).encode()) == "forged"


def test_a_genuine_message_on_another_users_channel_is_forged() -> None:
    with pytest.raises(BusMessageRefused) as refused:
        BusCodec(KEY).decode("bob", BusCodec(KEY).encode("ann", OURS))
    assert refused.value.reason == "forged"


@pytest.mark.parametrize("signature", ["", "00", 7, "ü"])
def test_a_made_up_signature_is_forged(signature: Any) -> None:
    fields = json.loads(BusCodec().encode("ann", OURS)) | {"signature": signature}
    assert reason_of(BusCodec(KEY), json.dumps(fields).encode()) == "forged"


@pytest.mark.parametrize("message", [OURS, HeadMoved(9, "here"), COMMAND, RENAMED, SEEN, CHANGED])
def test_an_unsigned_message_that_claims_to_be_a_nodes_is_forged(message: BusMessage) -> None:
    assert reason_of(BusCodec(KEY), BusCodec().encode("ann", message)) == "forged"
    assert reason_of(BusCodec(KEY), BusCodec(b"another key, of another cluster ...").encode("ann", message)) == "forged"


def test_foreign_messages_are_accepted_only_while_they_are_allowed() -> None:
    unsigned = BusCodec().encode("ann", FOREIGN)
    assert BusCodec(KEY).decode("ann", unsigned) == FOREIGN
    assert reason_of(BusCodec(KEY, are_foreign_allowed=False), unsigned) == "foreign"
    assert reason_of(BusCodec(are_foreign_allowed=False), unsigned) == "foreign"


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b"null", b"{}", b'{"type":"nonsense"}', b'{"type":"watchlist_update"}', b"[" * 20_000],
)
def test_rubbish_is_malformed(payload: bytes) -> None:
    assert reason_of(BusCodec(), payload) == "malformed"


@pytest.mark.parametrize("text", ["", "{", "[" * 3_000, "nan"])
def test_json_as_a_text_that_is_none_is_malformed(text: str) -> None:
    for message, (part, name) in ((COMMAND, ("command", "payload")), (RENAMED, (None, "capabilities"))):
        fields = json.loads(BusCodec().encode("ann", message))
        (fields if part is None else fields[part])[name] = text
        assert reason_of(BusCodec(), json.dumps(fields).encode()) == "malformed"


@pytest.mark.parametrize("time_ms", [-1, 253_402_300_800_000])
def test_a_time_that_no_text_can_say_is_malformed(time_ms: int) -> None:
    fields = json.loads(BusCodec().encode("ann", SEEN))
    fields["devices"][0]["last_seen_ms"] = time_ms
    assert reason_of(BusCodec(), json.dumps(fields).encode()) == "malformed"


@pytest.mark.parametrize("position", [None, 90, 90.5])
def test_a_handoff_may_say_a_position_that_is_not_whole(position: float | None) -> None:
    said = {"type": "device_handoff", "target_device_id": "tv", "content_id": CONTENT_ID, "position_seconds": position}
    message = PubNubDeviceHandoff("tv", CONTENT_ID, position)
    assert BusCodec(KEY).decode("ann", json.dumps(said).encode()) == message


@pytest.mark.parametrize("number", [1764000000, 1764000000.25, 2**63, 2**70])
def test_any_number_is_a_foreign_clock(number: float) -> None:
    update = (
        '{"type":"watchlist_update","operation":"add","content_id":"c","unique_tag":"t","device_id":"d","timestamp":%s}'
    )
    assert isinstance(BusCodec().decode("ann", (update % number).encode()), PubNubWatchlistUpdate)


def test_what_no_node_sends_for_its_size_is_not_even_parsed() -> None:
    assert reason_of(BusCodec(), b" " * 32_769) == "too_large"


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_nothing_but_a_refusal_comes_of_rubbish(payload: bytes) -> None:
    assert reason_of(BusCodec(KEY), payload) in {"malformed", "forged", "foreign"}
