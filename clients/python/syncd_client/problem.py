"""Whether a refusal is the service's own: what stands between may answer anything, with any status.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from typing import Final

import msgspec
from msgspec import Struct

MEDIA_TYPE: Final = "application/problem+json"


class _Problem(Struct):
    status: int
    title: str
    detail: str


_decoder: Final = msgspec.json.Decoder(_Problem)


def read_problem(status: int, content_type: str | None, body: bytes) -> str | None:
    """Return the service's words; ``None``: the answer is not in the service's form."""
    if (content_type or "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        return None
    try:
        problem = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return problem.detail if problem.status == status else None
