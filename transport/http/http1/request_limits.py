"""What one request may use: time, bytes, fields."""

from typing import Final

from msgspec import Struct

MAX_PIPELINED: Final = 64
"""Requests that wait while one before them on their connection is answered; a large read could hold 10,000."""
MAX_FIELDS: Final = 256
"""Headers and trailers of a request, together: each costs a call, and 32 KiB hold 5,000."""
MAX_ESCAPES: Final = 2048
"""Percent signs in a URL, decoded twice before anybody has shown a token: 32 KiB of them took 14 ms. A name of 128
characters may have 512, and so may 126 lists with their epochs."""
LINGER_S: Final = 5.0
"""How long a client has to read a refusal: closing at once, with bytes unread, could destroy it on its way."""


class RequestLimits(Struct, frozen=True, kw_only=True):
    """Those that tests change; between two requests a connection is kept for uvicorn's ``timeout_keep_alive``."""

    head_s: float = 10.0
    body_s: float = 30.0
    second_look_s: float = 1.0
    """After each of these times, before it counts as missed."""
    answer_s: float = 30.0
    """How long a client has to read another part of its answer; see ``SlowReaderGuard``."""
    head_bytes: int = 32 * 1024
