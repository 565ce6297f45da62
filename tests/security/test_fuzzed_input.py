"""The fuzzers' targets with inputs that Hypothesis builds: nearly right, which random bytes never are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.targets import MAX_SIZE, TARGETS, TOKEN

HEADERS = [
    *(b"Host: h", b"Connection: Upgrade", b"Connection: close", b"Upgrade: websocket", b"Upgrade: h2c"),
    *(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    *(b"Sec-WebSocket-Protocol: syncd.v1, bearer.x", b"Authorization: Bearer x", b"Expect: 100-continue"),
    *(b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Content-Length: 99999999999999999999", b"X: \xff\x80"),
    b"X-Large: " + b"x" * MAX_SIZE,
]
BODIES = [
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"2;a=b\r\n{}\r\n0\r\nHost: x\r\n\r\n",
    b"zz\r\n",
    b"\x81\x80\0\0\0\0",
]
TARGETS_OF_REQUESTS = [
    b"/",
    b"/ws",
    b"/ws?since=1",
    b"/%ff%00",
    b"*",
    b"http://[/ws",
    b"//h/ws",
    b"/\xc3\xa9",
    b"/ws#x",
]

requests = st.builds(
    lambda method, target, version, headers, body: (
        b"%b %b HTTP/%b\r\n" % (method, target, version) + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body
    ),
    st.sampled_from([b"GET", b"POST", b"CONNECT", b"PRI", b"get"]),
    st.sampled_from(TARGETS_OF_REQUESTS),
    st.sampled_from([b"1.1", b"1.0", b"2.0"]),
    st.lists(st.sampled_from(HEADERS), max_size=8),
    st.sampled_from(BODIES) | st.binary(max_size=30),
)

CHANGE = b'{"operation":"add","content_id":"0b0e6a4e-52a5-4a5b-9a1f-000000000001"}'
WRITTEN = [CHANGE, b'{"operations":[%b, {}]}' % CHANGE, b"{}", b"", b"{" + b" " * 20_000]
BEARER = b"Authorization: Bearer " + TOKEN.encode()


def post(target: bytes, version: bytes, headers: list[bytes], body: bytes, chunk: int, excess: int) -> bytes:
    """Return a write with its body in chunks, or whole if they are of nothing; ``excess``: by how much it is cut."""
    if chunk:
        parts = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        framing = b"Transfer-Encoding: chunked"
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    else:
        framing = b"Content-Length: %d" % len(body)
    head = b"\r\n".join([b"POST %b HTTP/%b" % (target, version), framing, *headers])
    return head + b"\r\n\r\n" + (body[:-excess] if excess else body)


posts = st.builds(
    post,
    st.sampled_from([b"/api/v1/sync/watchlist", b"/api/v1/sync/operations", b"/health"])
    | st.sampled_from([b"/api/v1/sync/watchlist?x", b"/api/v1/sync/watchlist?token=x"]),
    st.sampled_from([b"1.1"] * 4 + [b"1.0"]),
    st.lists(st.sampled_from([BEARER] * 8 + [*HEADERS, b"Origin: https://tv.example"]), max_size=3, unique=True),
    st.sampled_from(WRITTEN),
    st.sampled_from([0, 0, 5, 500]),
    st.sampled_from([0] * 6 + [1, 10]),
)

frames = st.builds(
    lambda first, payload, mask, is_masked: (
        bytes((first, (0x80 if is_masked else 0) | (min(126, len(payload)))))
        + (len(payload).to_bytes(2, "big") if len(payload) > 125 else b"")
        + (mask if is_masked else b"")
        + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    ),
    st.sampled_from([0x81, 0x01, 0x00, 0x80, 0x02, 0x82, 0x88, 0x89, 0x8A]) | st.integers(0, 255),
    st.binary(max_size=6) | st.text(max_size=6).map(str.encode) | st.binary(min_size=120, max_size=MAX_SIZE + 10),
    st.binary(min_size=4, max_size=4),
    st.integers(0, 30).map(bool),
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def nearly(**valid: Any) -> st.SearchStrategy[bytes]:
    """An object with these members, each of which may also be missing or anything else."""
    members = {name: st.just(value) | st.just(value) | values for name, value in valid.items()}
    return st.fixed_dictionaries({}, optional=members).map(lambda found: json.dumps(found).encode())


WRITE = {"type": "watchlist_update", "operation": "add", "content_id": "0b0e6a4e-52a5-4a5b-9a1f-000000000001"}
STAMP = {"physical": 1, "logical": 0, "node": "n"}


@given(cut=st.integers(0, 255), stream=st.lists(requests | st.binary(max_size=40), max_size=4).map(b"".join))
def test_any_requests_get_an_answer_or_a_refusal(cut: int, stream: bytes) -> None:
    TARGETS["http"](bytes((cut,)) + stream)


@given(
    cut=st.integers(0, 255),
    stream=st.lists(posts | requests | st.binary(max_size=9), max_size=4).map(b"".join),
)
def test_any_writes_are_answered_alike_by_the_protocol_and_the_application(cut: int, stream: bytes) -> None:
    TARGETS["writes"](bytes((cut,)) + stream)


@given(cut=st.integers(0, 255), stream=st.lists(frames | st.binary(max_size=9), max_size=12).map(b"".join))
def test_any_frames_in_any_pieces_are_what_another_reader_makes_of_the_whole(cut: int, stream: bytes) -> None:
    TARGETS["frames"](bytes((cut,)) + stream)


@given(nearly(**WRITE, id="1", operation_id="o", tag="a:1", observed=1, timestamp=STAMP, token="t"))
def test_any_message_of_a_device_is_understood_or_malformed(message: bytes) -> None:
    TARGETS["device-message"](message)


@given(nearly(sub="ann", device_id="tv", exp=99_999_999_999, iat=1, nbf=1, jti="1", aud="a", iss="i", scope="s"))
def test_any_claims_let_in_somebody_with_a_name_or_are_refused(claims: bytes) -> None:
    TARGETS["token"](claims)


@given(nearly(**WRITE, unique_tag="a:1", timestamp=STAMP, device_id="d", revision=1, origin="n", signature="s"))
def test_any_message_on_the_channel_is_understood_or_refused(message: bytes) -> None:
    TARGETS["channel"](message)


@given(st.text(max_size=50).map(str.encode) | st.binary(max_size=50).map(lambda name: b"user." + name + b".sync"))
def test_any_channel_is_one_users_or_nobodys(name: bytes) -> None:
    TARGETS["channel"](name)


@pytest.mark.parametrize("depth", [2_000, 30_000])
@pytest.mark.parametrize("target", ["device-message", "channel", "token"])
def test_nesting_deeper_than_a_parser_goes_is_no_more_than_malformed(target: str, depth: int) -> None:
    message = json.dumps({**WRITE, "unique_tag": "a:1", "timestamp": STAMP, "device_id": "d", "revision": 1}).encode()
    for start in (message[:-1] + b',"x":', b'{"type":"zap","x":', b""):
        end = b"}" if start else b""
        TARGETS[target](start + b"[" * depth + b"]" * depth + end)
        TARGETS[target](start + b"[" * depth)


@pytest.mark.parametrize(
    "bad", [b'"\xff":1', b'"\\ud800":1', b'"signature":"\\ud800"', b'"x":1e999', b'"x":' + b"9" * 9999]
)
def test_json_that_no_text_can_be_is_no_more_than_malformed(bad: bytes) -> None:
    message = json.dumps({**WRITE, "unique_tag": "a:1", "timestamp": STAMP, "device_id": "d", "revision": 1}).encode()
    for target in ("device-message", "channel", "token"):
        TARGETS[target](message[:-1] + b"," + bad + b"}")
