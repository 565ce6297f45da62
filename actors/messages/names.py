"""What people and apps may call things: users, devices, operations, tags."""

import re
from typing import Annotated, Final, TypeGuard

from msgspec import Meta

MAX_NAME_LENGTH: Final = 128
"""In characters: names become parts of channel names, keys and rows."""
NAME_RULE: Final = f"1 to {MAX_NAME_LENGTH} characters, none of them a control character or a lone surrogate"
"""All other text is welcome: no-break and ideographic spaces, joined emoji, characters of a later Unicode."""

Name = Annotated[
    str, Meta(min_length=1, max_length=MAX_NAME_LENGTH, pattern=r"^[^\u0000-\u001f\u007f-\u009f]+(?![\s\S])")
]
"""A name in JSON, where a lone surrogate cannot be.

Without control characters: PostgreSQL cannot store NUL. The end is no ``$``, which a newline could follow.
"""

_NAME: Final = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_NAME_LENGTH}}}")


def is_name(value: object) -> TypeGuard[str]:
    """Return whether ``value`` is text that follows ``NAME_RULE``."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None
