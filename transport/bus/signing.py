"""How nodes sign what they send each other: HMAC-SHA256 (RFC 2104) with the bus key.

Signed are a context, a zero byte and the message's canonical JSON: keys sorted, no white space, without the member
``signature``. Canonical, because a bus may parse JSON and encode it again; with the context, so that a genuine message
cannot be replayed where it does not belong.
"""

import hashlib
import hmac
from functools import lru_cache

import msgspec

from actors.errors import BusMessageRefused

_CANONICAL_ENCODER = msgspec.json.Encoder(order="sorted")


def signature_of(key: bytes, context: str, fields: dict[str, object]) -> str:
    """Return the signature of a message with these ``fields``, in hex."""
    mac = _keyed(key).copy()
    mac.update(context.encode() + b"\0" + _CANONICAL_ENCODER.encode(fields))
    return mac.hexdigest()


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """Return the beginning of every message that is signed with ``key``: half of what a signature takes."""
    return hmac.new(key, digestmod=hashlib.sha256)


def is_signed(key: bytes, context: str, payload: bytes) -> bool:
    """Return whether ``payload``, the JSON of an object, is signed.

    Raises:
        BusMessageRefused: ``forged``, by a signature of something else.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no such JSON.
    """
    fields = msgspec.json.decode(payload, type=dict[str, object])
    signature = fields.pop("signature", None)
    if signature is None:
        return False
    if not isinstance(signature, str) or not hmac.compare_digest(
        signature.encode(), signature_of(key, context, fields).encode()
    ):
        raise BusMessageRefused("forged", "the signature does not match the message, where it came and the bus key")
    return True
