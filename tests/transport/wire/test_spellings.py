"""What a decoder refuses only for a spelling is decoded all the same, and nothing else is."""

import json

import msgspec
import pytest

from actors.messages.change import Change
from actors.messages.content_ids import TEXTS, UUIDS, ContentIds
from crdt.hlc import HLCTimestamp
from tests.contents import NO_CONTENT_IDS, NO_TEXT_IDS, SPELLED, SPELLINGS, TEXT_IDS
from transport.wire.spellings import ContentIdRefused, FieldRefused, decode_spelled

DECODER = msgspec.json.Decoder(Change)


def decode(body: bytes, content_ids: ContentIds = UUIDS) -> Change:
    return decode_spelled(DECODER, body, content_ids)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_beside_an_id_in_another_spelling_the_fields_stay_what_they_are(spelling: str) -> None:
    fields = {"operation": "add", "tag": "tv:1 \u2028é", "observed": 2**53, "unknown": [1.5, {"content_id": "x"}]}
    change = decode(json.dumps({"content_id": spelling, **fields}).encode())
    assert (change.content_id, change.action, change.tag, change.observed) == (
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
        assert (change.content_id, change.observed) == (SPELLED, 7)
        assert change.timestamp == HLCTimestamp(1764000000000, 0, "tv")


def test_other_numbers_stay_what_they_are_beside_one_that_is_spelled_so() -> None:
    body = b'{"operation":"add","content_id":"%b","observed":7.0,"data":{"x":%b}}'
    for number in (b"1.5", b"7.0", b"1e22", b"-1e300", b"12345678901234567890"):
        data = decode(body % (SPELLED.encode(), number)).data
        assert data == json.loads(b'{"x":%b}' % number)
        assert repr(data) == repr(json.loads(b'{"x":%b}' % number))
    with pytest.raises(msgspec.ValidationError, match=r"out of range - at `\$\.data"):
        decode(body % (SPELLED.encode(), b"1e400"))


def test_only_what_has_integers_is_unpacked_for_one() -> None:
    body = b'{"operation":"add","content_id":"%b","observed":7.0,%b}'
    assert decode(body % (SPELLED.encode(), b'"unknown":%b' % (b"9" * 5000))).observed == 7
    stamp = b'{"physical":1.0,"logical":0,"node":"tv","unknown":"%b"}'
    assert decode(body % (SPELLED.encode(), b'"timestamp":%b' % (stamp % (b"x" * 900)))).observed == 7
    with pytest.raises(msgspec.ValidationError, match=r"\$\.timestamp\.physical"):
        decode(body % (SPELLED.encode(), b'"timestamp":%b' % (stamp % (b"x" * 1000))))


@pytest.mark.parametrize("value", [*NO_CONTENT_IDS, 123, None, True, [SPELLED], {"content_id": SPELLED}])
def test_what_is_no_content_id_is_refused_as_such(value: object) -> None:
    with pytest.raises(ContentIdRefused, match="UUIDv5"):
        decode(json.dumps({"operation": "add", "content_id": value}).encode())


@pytest.mark.parametrize("content_id", TEXT_IDS)
def test_where_any_text_is_an_id_it_stays_as_it_is(content_id: str) -> None:
    body = json.dumps({"operation": "add", "content_id": content_id, "observed": 7.0}).encode()
    assert decode(body, TEXTS) == Change("add", content_id, observed=7)


@pytest.mark.parametrize("value", [*NO_TEXT_IDS, 123, None])
def test_where_any_text_is_an_id_the_refusal_says_how_much(value: object) -> None:
    with pytest.raises(ContentIdRefused, match=r"^content_id: must be 1 to 128 characters"):
        decode(json.dumps({"operation": "add", "content_id": value}).encode(), TEXTS)


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


@pytest.mark.parametrize("position", ["", "x" * 65, "a b", "\u00e9", 7])
def test_of_what_has_a_pattern_the_rule_is_told_and_not_the_pattern(position: object) -> None:
    body = {"operation": "add", "content_id": SPELLED, "position": position}
    with pytest.raises(FieldRefused, match=r"^position: must be 1 to 64 visible ASCII characters$") as refused:
        decode(json.dumps(body).encode())
    assert refused.value.field == "position"


@pytest.mark.parametrize("value", ["", "x" * 129, "a\x00b", "\x85", 7])
@pytest.mark.parametrize("field", ["tag", "operation_id"])
def test_of_a_name_the_rule_is_told_and_not_its_pattern(field: str, value: object) -> None:
    rule = rf"^{field}: must be a text of 1 to 128 characters, none of them a control character or a lone surrogate$"
    with pytest.raises(FieldRefused, match=rule) as refused:
        decode(json.dumps({"operation": "add", "content_id": SPELLED, field: value}).encode())
    assert refused.value.field == field


@pytest.mark.parametrize("node", ["x" * 129, "a\n", None])
def test_of_a_stamps_node_the_rule_is_told_too(node: object) -> None:
    stamp = {"physical": 1, "logical": 0, "node": node}
    with pytest.raises(FieldRefused, match=r"^timestamp\.node: must be a text of at most 128 characters") as refused:
        decode(json.dumps({"operation": "add", "content_id": SPELLED, "timestamp": stamp}).encode())
    assert refused.value.field == "timestamp"
