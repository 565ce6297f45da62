"""What travels between the daemon and the store's processes: MessagePack, each message behind its length.

Versionless: both ends are of one release. ``actors.messages.store`` are the messages; around them there is only the
first one, which says what to open, and the answer to what failed.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec import Struct

from actors.messages.content_ids import ContentIdKind
from actors.messages.store import StoreAnswer, StoreRequest
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds

LENGTH_BYTES: Final = 4


class Open(Struct, frozen=True, kw_only=True, tag=True):
    """The first message, which is not answered: over the socket, because a command line is for all to see."""

    database_url: str
    is_read_only: bool
    makes_file: bool
    """Not once the daemon has opened the file: if it is missing then, it was removed."""
    replica_url: str | None = None
    """The URL of a copy of the database, for reads; it may be behind."""
    bounds: Bounds = DEFAULT_BOUNDS
    """What each user may make grow."""
    content_ids: ContentIdKind = "uuid"
    """Which ids contents have."""


FailureKind = Literal[
    "unavailable", "statement_refused", "value_refused", "schema_too_new", "content_ids_differ", "wrong_url",
    "no_driver", "defect",
]  # fmt: skip


class Failed(Struct, frozen=True, tag=True):
    """The answer to a request that raised; ``text`` is the reason."""

    kind: FailureKind
    text: str
    stack: str | None = None
    """Where it was raised, if that is worth a look."""


class Logged(Struct, frozen=True, tag=True):
    """A line for the daemon's log, which answers nothing."""

    logger: str
    level: int
    text: str


_encoder = msgspec.msgpack.Encoder()
_requests: "msgspec.msgpack.Decoder[Open | StoreRequest]" = msgspec.msgpack.Decoder(Open | StoreRequest)
_answers: "msgspec.msgpack.Decoder[StoreAnswer | Failed | Logged]" = msgspec.msgpack.Decoder(
    StoreAnswer | Failed | Logged
)


def encode(message: Struct) -> bytearray:
    """Return ``message`` behind its length.

    Raises:
        OverflowError, TypeError, UnicodeEncodeError: it holds what MessagePack cannot say.
    """
    frame = bytearray(LENGTH_BYTES)
    _encoder.encode_into(message, frame, LENGTH_BYTES)
    frame[:LENGTH_BYTES] = (len(frame) - LENGTH_BYTES).to_bytes(LENGTH_BYTES, "big")
    return frame


def decode_request(payload: bytes | memoryview) -> Open | StoreRequest:
    """Return what the daemon asks. Raises: msgspec.DecodeError."""
    return _requests.decode(payload)


def decode_answer(payload: bytes | memoryview) -> StoreAnswer | Failed | Logged:
    """Return what a store's process answers. Raises: msgspec.DecodeError."""
    return _answers.decode(payload)


class Frames:
    """Cuts what is received into messages. Cost: each byte is copied twice at most."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """Take in what was received, and yield every message that is whole; each is valid until the next."""
        received = self._received
        received += data
        start, end = 0, len(received)
        while end - start >= LENGTH_BYTES:
            begin = start + LENGTH_BYTES
            stop = begin + int.from_bytes(received[start:begin], "big")
            if stop > end:
                break
            with memoryview(received) as view, view[begin:stop] as payload:
                yield payload
            start = stop
        del received[:start]
