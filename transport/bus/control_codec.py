"""Messages of the control channel as JSON, signed with the bus key: without a key there are none."""

import msgspec

from actors.errors import BusMessageRefused
from actors.messages.control import ControlMessage
from transport.bus.codec import MAX_PAYLOAD_BYTES
from transport.bus.signing import is_signed, signature_of

CONTEXT = "\0control"
"""Signed with each message, where a user's has the user's id. No id has a NUL: neither can be replayed as the other."""

_DECODER: msgspec.json.Decoder[ControlMessage] = msgspec.json.Decoder(ControlMessage)


class ControlCodec:
    """Encodes and decodes with ``key``."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, message: ControlMessage) -> bytes:
        """Return the payload, signed."""
        fields = msgspec.to_builtins(message)
        fields["signature"] = signature_of(self._key, CONTEXT, fields)
        return msgspec.json.encode(fields)

    def decode(self, payload: bytes) -> ControlMessage:
        """Return the message in ``payload``.

        Raises:
            BusMessageRefused: ``too_large``, ``malformed`` or ``forged``.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise BusMessageRefused("too_large", f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are accepted")
        try:
            if not is_signed(self._key, CONTEXT, payload):
                raise BusMessageRefused("forged", "a control message without a signature")
            return _DECODER.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BusMessageRefused("malformed", str(error)) from None
