import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import BusMessageRefused
from actors.messages.channel import HeadMoved
from actors.messages.control import Answered, ConnectionsClosed, ControlMessage, DisconnectUser
from actors.messages.names import is_name
from transport.bus.codec import BusCodec
from transport.bus.control_codec import CONTEXT, ControlCodec
from transport.bus.signing import signature_of

KEY = b"a key that nodes share, long enough"
CODEC = ControlCodec(KEY)
MESSAGE = ControlMessage(id="1", origin="here", sent_ms=1_764_000_000_000, body=DisconnectUser("ann", "tv ☃"))
ANSWER = ControlMessage(id="2", origin="there", sent_ms=7, to="here", body=Answered("1", ConnectionsClosed(2)))


def reason_of(payload: bytes) -> str:
    with pytest.raises(BusMessageRefused) as refused:
        CODEC.decode(payload)
    return refused.value.reason


@pytest.mark.parametrize("message", [MESSAGE, ANSWER])
def test_what_a_node_sends_another_one_reads(message: ControlMessage) -> None:
    assert CODEC.decode(CODEC.encode(message)) == message


def test_a_bus_may_parse_the_json_and_encode_it_again() -> None:
    fields = json.loads(CODEC.encode(MESSAGE))
    assert CODEC.decode(json.dumps(dict(reversed(fields.items())), indent=2).encode()) == MESSAGE


def test_a_newer_node_may_say_more() -> None:
    class Newer(ControlMessage, frozen=True, kw_only=True):
        more: str

    newer = Newer(id="1", origin="here", sent_ms=7, body=DisconnectUser("ann"), more="of it")
    assert CODEC.decode(CODEC.encode(newer)).body == DisconnectUser("ann")


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"signature": "0" * 64},
        {"signature": 7},
        {"origin": "elsewhere"},
        {"sent_ms": 1_764_000_000_001},
        {"id": "2"},
        {"to": "here"},
        {"body": {"type": "disconnect_user", "user_id": "bob", "device_id": None}},
    ],
)
def test_what_no_node_has_signed_like_that_is_forged(change: dict[str, Any]) -> None:
    assert reason_of(json.dumps(json.loads(CODEC.encode(MESSAGE)) | change).encode()) == "forged"


def test_a_message_signed_with_another_key_is_forged() -> None:
    assert reason_of(ControlCodec(b"another key, as long as this").encode(MESSAGE)) == "forged"


def test_a_users_message_is_no_control_message_and_the_other_way_round() -> None:
    assert reason_of(BusCodec(KEY).encode("ann", HeadMoved(7, "here"))) == "forged"
    with pytest.raises(BusMessageRefused):
        BusCodec(KEY).decode("ann", CODEC.encode(MESSAGE))
    assert not is_name(CONTEXT)  # else a user could be called so


@pytest.mark.parametrize("body", [{}, {"type": "shut_down"}, {"type": "disconnect_user"}, 7])
def test_a_signed_message_that_says_nothing_known_is_malformed(body: Any) -> None:
    fields = json.loads(CODEC.encode(MESSAGE)) | {"body": body}
    del fields["signature"]
    fields["signature"] = signature_of(KEY, CONTEXT, fields)
    assert reason_of(json.dumps(fields).encode()) == "malformed"


def test_a_message_beyond_the_limit_of_every_engine_is_not_looked_at() -> None:
    assert reason_of(b" " * (32 * 1024 + 1)) == "too_large"


@given(st.binary(max_size=200))
def test_bytes_that_no_node_has_signed_are_refused(payload: bytes) -> None:
    assert reason_of(payload) in {"malformed", "forged"}
