"""Whether a refusal is the service's own: an intermediary may answer anything, with any status.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from typing import Final

import msgspec
from msgspec import Struct

MEDIA_TYPE: Final = "application/problem+json"


class Problem(Struct, frozen=True):
    """The service's refusal."""

    status: int
    title: str
    detail: str
    """Its words."""
    code: str | None = None
    """The service's name for the reason, where an app may need to tell it from others."""


_decoder: Final = msgspec.json.Decoder(Problem)


def read_problem(status: int, content_type: str | None, body: bytes) -> str | None:
    """Return the service's words; ``None``: the answer is not in the service's form."""
    problem = problem_of(status, content_type, body)
    return problem.detail if problem else None


def problem_of(status: int, content_type: str | None, body: bytes) -> Problem | None:
    """Return the service's refusal; ``None``: the answer is not in the service's form."""
    if (content_type or "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        return None
    try:
        problem = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return problem if problem.status == status else None
