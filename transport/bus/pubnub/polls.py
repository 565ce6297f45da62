"""What a poll asks of PubNub, and what it brings: messages stay bytes until somebody wants them."""

import json
import re
from typing import Any

import msgspec
from msgspec import Raw, Struct
from pubnub.endpoints.pubsub.subscribe import Subscribe

Cursor = tuple[str | int, int | None]
"""PubNub's timetoken and region of a poll; timetoken 0: from now on."""


class Published(Struct, frozen=True):
    """When and where a message was published, or a poll was answered."""

    t: str | int
    r: int | None = None


class Envelope(Struct, frozen=True):
    """A message as PubNub delivers it; its other members say nothing that is needed."""

    c: str
    """The channel."""
    p: Published
    d: Raw
    """The message."""
    e: int | None = None
    """0 or absent: a message; else a signal, or an object's, action's or file's event."""
    i: str | None = None
    """The publisher."""


class Poll(Struct, frozen=True):
    """What one poll brought, in order."""

    t: Published
    m: list[Envelope]
    malformed: int = 0
    """Invalid envelopes, which are left out."""
    is_unreadable: bool = False
    """It cannot be read, but its cursor can: what it brought is lost."""

    @property
    def cursor(self) -> Cursor:
        """Where the next poll goes on."""
        return self.t.t, self.t.r


class PollRequest(Subscribe):  # type: ignore[misc]  # the SDK has no types
    """The SDK's request, answered with the body as it came: the SDK would parse every message, wanted or not."""

    def non_json_response(self) -> bool:
        """Ask the SDK's handler for the bytes."""
        return True

    def create_response(self, response: Any, body: bytes) -> bytes:
        """Return ``body``."""
        return body


_DECODER = msgspec.json.Decoder(Poll)
_CURSOR = re.compile(rb'\s*\{\s*"t"\s*:\s*\{\s*"t"\s*:\s*"?(\d+)"?\s*,\s*"r"\s*:\s*(\d+)\s*\}')


def read_poll(body: bytes) -> Poll:
    """Return what is in ``body``. Cost: 0.5 µs a message; some ten times that if PubNub sent what we do not expect.

    Raises:
        ValueError: this is no answer to a poll.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _poll_of(json.loads(body))  # reads more than JSON allows
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        place = _CURSOR.match(body)
        if place is None:
            raise ValueError(f"not an answer to a poll: {type(error).__name__}: {error}") from None
        # Otherwise one message that cannot be read, perhaps nested too deeply, would come again with each poll.
        return Poll(Published(place[1].decode(), int(place[2])), [], is_unreadable=True)


def _poll_of(answer: dict[str, Any]) -> Poll:
    envelopes: list[Envelope] = []
    for each in answer["m"]:
        try:
            envelopes.append(msgspec.convert({**each, "d": Raw(_bytes_of(each["d"]))}, Envelope))
        except (msgspec.ValidationError, TypeError, KeyError):
            continue
    return Poll(msgspec.convert(answer["t"], Published), envelopes, malformed=len(answer["m"]) - len(envelopes))


def _bytes_of(message: Any) -> bytes:
    """Encode again what was parsed."""
    try:
        return msgspec.json.encode(message)
    except (OverflowError, UnicodeEncodeError):  # huge integers, lone surrogates: for the codec to refuse and count
        return json.dumps(message).encode()
