"""Messages of the channel ``user.{user_id}.sync`` as JSON, signed between nodes that share a bus key.

The user's id is signed with each message, so that a genuine one cannot be replayed on another user's channel.
"""

import msgspec

from actors.errors import BusMessageRefused
from actors.messages.channel import (
    BusMessage,
    HeadMoved,
    PubNubDeviceCommand,
    PubNubDevicesSeen,
    PubNubDeviceUpdate,
    PubNubListsChanged,
    PubNubProgressUpdate,
    PubNubWatchlistUpdate,
)
from transport.bus.signing import is_signed, signature_of

MAX_PAYLOAD_BYTES = 32 * 1024
"""PubNub's limit, and more than any of our messages needs."""

_DECODER: msgspec.json.Decoder[BusMessage] = msgspec.json.Decoder(BusMessage)
_ENCODER = msgspec.json.Encoder()


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
        fields["signature"] = signature_of(self._key, user_id, fields)
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
            is_of_node = self._key is not None and is_signed(self._key, user_id, payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BusMessageRefused("malformed", str(error)) from None
        if not is_of_node:
            self._admit_unsigned(message)
        return message

    def _admit_unsigned(self, message: BusMessage) -> None:
        claims_node = isinstance(message, HeadMoved | PubNubDeviceUpdate | PubNubDevicesSeen | PubNubListsChanged) or (
            (isinstance(message, PubNubWatchlistUpdate | PubNubProgressUpdate) and message.revision is not None)
            or (isinstance(message, PubNubDeviceCommand) and message.origin is not None)
        )
        if claims_node and self._key is not None:
            raise BusMessageRefused("forged", "a node's message without a signature")
        if not claims_node and not self.are_foreign_allowed:
            raise BusMessageRefused("foreign", "a foreign publisher's message, and those are not allowed here")
