"""Messages of the channel ``user.{user_id}.sync`` as JSON, signed between nodes that share a bus key.

The signature is HMAC-SHA256 (RFC 2104) over the user's id, a zero byte and the message's canonical JSON: keys sorted,
no white space, without the member ``signature``. Canonical, because a bus may parse JSON and encode it again;
with the user, so that a genuine message cannot be replayed on another user's channel.
"""

import hashlib
import hmac

import msgspec

from actors.errors import BusMessageRefused
from actors.messages.channel import BusMessage, HeadMoved, PubNubWatchlistUpdate

MAX_PAYLOAD_BYTES = 32 * 1024
"""PubNub's limit, and more than any of our messages needs."""

_DECODER: msgspec.json.Decoder[BusMessage] = msgspec.json.Decoder(BusMessage)
_ENCODER = msgspec.json.Encoder()
_CANONICAL_ENCODER = msgspec.json.Encoder(order="sorted")


class BusCodec:
    """Encodes and decodes bus messages.

    Without ``key`` nothing is signed and everything well-formed is accepted. With it, messages that claim to come from
    a node (``revision``, ``head_moved``) must carry a valid signature; unsigned ones without a revision are a foreign
    publisher's and accepted only if ``are_foreign_allowed``.
    """

    def __init__(self, key: bytes | None = None, *, are_foreign_allowed: bool = True) -> None:
        self._key = key
        self.are_foreign_allowed = are_foreign_allowed

    def encode(self, user_id: str, message: BusMessage) -> bytes:
        """Return the payload for the user's channel, signed if there is a key."""
        if self._key is None:
            return _ENCODER.encode(message)
        fields = msgspec.to_builtins(message)
        fields["signature"] = self._signature(user_id, fields)
        return _ENCODER.encode(fields)

    def decode(self, user_id: str, payload: bytes) -> BusMessage:
        """Return the message in ``payload``, which came on the user's channel.

        Raises:
            BusMessageRefused: ``too_large``, ``malformed``, ``forged`` or ``foreign``.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise BusMessageRefused("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are accepted")
        try:
            message = _DECODER.decode(payload)
            is_signed = self._key is not None and self._check_signature(user_id, payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BusMessageRefused("malformed", str(error)) from None
        if not is_signed:
            self._admit_unsigned(message)
        return message

    def _admit_unsigned(self, message: BusMessage) -> None:
        claims_node = isinstance(message, HeadMoved) or (
            isinstance(message, PubNubWatchlistUpdate) and message.revision is not None
        )
        if claims_node and self._key is not None:
            raise BusMessageRefused("forged", "a node's message without a signature")
        if not claims_node and not self.are_foreign_allowed:
            raise BusMessageRefused("foreign", "a foreign publisher's message, and those are not allowed here")

    def _check_signature(self, user_id: str, payload: bytes) -> bool:
        fields = msgspec.json.decode(payload)
        signature = fields.pop("signature", None)
        if signature is None:
            return False
        if not isinstance(signature, str) or not hmac.compare_digest(
            signature.encode(), self._signature(user_id, fields).encode()
        ):
            raise BusMessageRefused("forged", "the signature does not match the message, its user and the bus key")
        return True

    def _signature(self, user_id: str, fields: dict[str, object]) -> str:
        assert self._key is not None
        return hmac.new(
            self._key, user_id.encode() + b"\0" + _CANONICAL_ENCODER.encode(fields), hashlib.sha256
        ).hexdigest()
