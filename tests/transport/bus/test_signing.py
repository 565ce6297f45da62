import hashlib
import hmac

import msgspec
import pytest

from actors.errors import BusMessageRefused
from transport.bus.signing import is_signed, signature_of

KEY = b"a key that nodes share, long enough"


def test_signed_are_the_context_a_zero_byte_and_the_canonical_json() -> None:
    expected = hmac.new(KEY, 'ann\0{"a":[1,"☃"],"b":2}'.encode(), hashlib.sha256).hexdigest()
    assert signature_of(KEY, "ann", {"b": 2, "a": [1, "☃"]}) == expected


def test_what_is_not_signed_is_told_from_what_is_signed_wrongly() -> None:
    signature = signature_of(KEY, "ann", {"a": 1})
    assert is_signed(KEY, "ann", msgspec.json.encode({"signature": signature, "a": 1}))
    assert not is_signed(KEY, "ann", b'{"a":1}')
    assert not is_signed(KEY, "ann", b'{"a":1,"signature":null}')
    for key, context, fields in (
        (b"another key", "ann", {"a": 1, "signature": signature}),
        (KEY, "bob", {"a": 1, "signature": signature}),
        (KEY, "ann", {"a": 2, "signature": signature}),
        (KEY, "ann", {"a": 1, "more": 1, "signature": signature}),
        (KEY, "ann", {"a": 1, "signature": 7}),
        (KEY, "ann", {"a": 1, "signature": "☃"}),
    ):
        with pytest.raises(BusMessageRefused) as refused:
            is_signed(key, context, msgspec.json.encode(fields))
        assert refused.value.reason == "forged"


def test_what_is_no_object_is_an_error_of_the_decoder() -> None:
    for payload in (b"", b"[1]", b"7", b'{"a":', b'"\xff"'):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            is_signed(KEY, "ann", payload)
