"""The header ``Host``, which a request must have once. Source: RFC 9112 section 3.2, RFC 3986 section 3.2.2."""

import re
from functools import lru_cache
from typing import Final

SEVERAL_HOSTS: Final = b", "
"""Stands for the values of several lines: no host."""

_HOST: Final = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[\w:.%~-]+\])(?::\d*)?")


@lru_cache(maxsize=16)
def is_host(value: bytes | None) -> bool:
    """Return whether ``value`` is a host, maybe with a port; empty is one, too, for who knows no name."""
    return value is not None and _HOST.fullmatch(value) is not None
