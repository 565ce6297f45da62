"""What a decoder refuses only for a spelling is decoded all the same, and nothing else is."""

import json

import msgspec
import pytest

from actors.messages.change import Change
from crdt.hlc import HLCTimestamp
from tests.contents import NO_CONTENT_IDS, SPELLED, SPELLINGS
from transport.content_ids import ContentIdRefused, decode_respelled

DECODER = msgspec.json.Decoder(Change)


def decode(body: bytes) -> Change:
    try:
        return DECODER.decode(body)
    except msgspec.ValidationError as error:
        return decode_respelled(DECODER, body, error)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_other_fields_stay_what_they_are(spelling: str) -> None:
    fields = {"operation": "add", "tag": "tv:1 \u2028é", "observed": 2**53, "unknown": [1.5, {"content_id": "x"}]}
    change = decode(json.dumps({"content_id": spelling, **fields}).encode())
    assert (str(change.content_id), change.action, change.tag, change.observed) == (
        SPELLED,
        "add",
        "tv:1 \u2028é",
        2**53,
    )


@pytest.mark.parametrize("spelling", [SPELLED, f"urn:uuid:{SPELLED}"])
def test_integers_may_be_spelled_as_other_numbers(spelling: str) -> None:
    stamp = b'{"physical":1.764e12,"logical":0.0,"node":"tv"}'
    rest = b'"content_id":"%b","timestamp":%b,"unknown":[1.5,1e400]' % (spelling.encode(), stamp)
    for body in (b'{"operation":"add","observed":7.0,%b}' % rest, b'{"operation":"add",%b,"observed":7}' % rest):
        change = decode(body)
        assert (str(change.content_id), change.observed) == (SPELLED, 7)
        assert change.timestamp == HLCTimestamp(1764000000000, 0, "tv")


@pytest.mark.parametrize("value", [*NO_CONTENT_IDS, 123, None, True, [SPELLED], {"content_id": SPELLED}])
def test_what_is_no_content_id_is_refused_as_such(value: object) -> None:
    with pytest.raises(ContentIdRefused, match="UUIDv5"):
        decode(json.dumps({"operation": "add", "content_id": value}).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"operation":"burn","content_id":"tt1"}', r"\$\.operation"),
        (b'{"operation":"add","content_id":"urn:uuid:%b","observed":-1}' % SPELLED.encode(), r"\$\.observed"),
        (b'{"operation":"add","content_id":"urn:uuid:%b","observed":7.5}' % SPELLED.encode(), r"\$\.observed"),
        (b'{"operation":"add","content_id":"%b","observed":1e300}' % SPELLED.encode(), r"\$\.observed"),
        (b'{"content_id":"urn:uuid:%b"}' % SPELLED.encode(), "operation"),
        (b'{"operation":"add","content_id":"{%b}",' % SPELLED.encode(), "truncated"),
    ],
)
def test_what_else_is_wrong_is_named(body: bytes, reason: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=reason) as refused:
        decode(body)
    assert not isinstance(refused.value, ContentIdRefused)
