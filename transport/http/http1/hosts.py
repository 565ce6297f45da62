"""The header ``Host``, which a request must have once. Source: RFC 9112 section 3.2, RFC 3986 section 3.2.2."""

import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from transport.errors import Problem

SEVERAL_HOSTS: Final = b", "
"""Stands for the values of several lines: no host."""

_HOST: Final = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[\w:.%~-]+\])(?::\d*)?")


@lru_cache(maxsize=16)
def is_host(value: bytes | None) -> bool:
    """Return whether ``value`` is a host, maybe with a port; empty is one, too, for clients that know no name."""
    return value is not None and _HOST.fullmatch(value) is not None


def host_problem(value: bytes | None, version: Callable[[], str]) -> Problem | None:
    """Return what is wrong with a request of HTTP ``version`` and ``Host``; ``None``: nothing. HTTP/1.0 needs none."""
    if is_host(value) or (value is None and version() == "1.0"):
        return None
    return Problem(HTTPStatus.BAD_REQUEST, "Host: must be there once, and be a host or host:port.")
