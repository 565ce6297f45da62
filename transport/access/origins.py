"""Which pages may connect: browsers say where a page is from, in ``Origin``.

Source: RFC 6454 sections 4 and 5: origins are the same if scheme, host and port are, however they are written.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Final

from actors.metrics import ListenerMetrics
from transport.errors import Problem

logger = logging.getLogger(__name__)

SCHEME: Final = ":scheme"
"""Stands among a request's headers for the scheme by which its client came, if that is known. No client can send it: a
name has no colon. Source: RFC 9113 section 8.3.1, which calls it so.
"""

_ORIGIN: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@\\\s*]+)")
_AUTHORITY: Final = re.compile(r"([^:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(\d*))?")
_LOCAL: Final = re.compile(r"https?://(?:(?:[^:]+\.)?localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?")
_OPAQUE: Final = "null"
"""The origin of pages that have no host, such as files (RFC 6454 section 6.2); allowed only by name."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_LENGTH: Final = 512
"""The longest origin that is compared: a host has 253 characters at most."""
_SHOWN: Final = 100
"""Characters of an origin in the log."""


class AllowedOrigins:
    """The pages of other origins that may connect.

    Args:
        origins: ``scheme://host[:port]``, or ``null``; anything else admits nobody.
        are_local_allowed: whether pages of this machine may connect, on any port: for development.
        metrics: counts who is refused.
    """

    def __init__(
        self, origins: Iterable[str] = (), *, are_local_allowed: bool = False, metrics: ListenerMetrics | None = None
    ) -> None:
        self._origins = frozenset(filter(None, map(canonical_origin, origins)))
        self._are_local_allowed = are_local_allowed
        self._metrics = metrics or ListenerMetrics()

    def __bool__(self) -> bool:
        return bool(self._origins) or self._are_local_allowed

    def admits(self, origin: str) -> bool:
        """Return whether pages of ``origin``, as a browser sends it, may connect."""
        canonical = _sent(origin)
        return canonical is not None and self._has(canonical)

    def check(self, origins: Sequence[str], hosts: Sequence[str], scheme: str | None = None) -> None:
        """Admit pages of this very service, and the origins allowed by name.

        Args:
            origins: the values of ``Origin``; programs send none, and need not be checked.
            hosts: the values of ``Host``.
            scheme: by which the client came, ``http`` or ``https``; ``None``: nobody knows, TLS may end in front.

        Raises:
            Problem: 403.
        """
        origin = _sent(origins[0]) if len(origins) == 1 else None
        if origin is None or not (self._has(origin) or _is_own(origin, hosts, scheme)):
            self.note_refused(", ".join(origins), ", ".join(hosts))
            raise Problem(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect; see --allowed-origins.")

    def note_refused(self, origin: str, host: str) -> None:
        """Count and log the refusal of a page."""
        self._metrics.origins_refused += 1
        text = "a page of %s was refused at %s: if it may connect, add its origin to --allowed-origins"
        logger.warning(text, _shown(origin), _shown(host))

    def _has(self, canonical: str) -> bool:
        return canonical in self._origins or (self._are_local_allowed and _LOCAL.fullmatch(canonical) is not None)


def _sent(origin: str) -> str | None:
    """Return the ``canonical_origin`` of what a browser has sent, in ASCII: other names take 1.6 ms to convert."""
    return canonical_origin(origin[:_MAX_LENGTH]) if origin.isascii() else None


def _shown(header: str) -> str:
    """Return the beginning of a header for the log: a terminal would obey some of what is not ASCII."""
    return ascii(header[:_SHOWN])[1:-1]


@lru_cache(maxsize=256)
def canonical_origin(origin: str) -> str | None:
    """Return the one way to write ``origin``: in lower case, without the port that its scheme has anyway.

    ``null``, of pages that have no host, stays as it is. ``None``: no browser sends it.
    """
    if origin == _OPAQUE:
        return origin
    parts = _ORIGIN.fullmatch(origin)
    if parts is None:
        return None
    scheme = parts[1].lower()
    authority = _canonical_authority(parts[2], scheme)
    return None if authority is None else f"{scheme}://{authority}"


def _is_own(origin: str, hosts: Sequence[str], scheme: str | None) -> bool:
    """Return whether pages of ``origin``, a canonical one, are of the service that was asked as ``hosts``."""
    origin_scheme, _, authority = origin.partition("://")
    if origin_scheme not in _DEFAULT_PORTS or scheme not in (None, origin_scheme) or len(hosts) != 1:
        return False
    return _canonical_authority(hosts[0][:_MAX_LENGTH], origin_scheme) == authority


@lru_cache(maxsize=256)
def _canonical_authority(authority: str, scheme: str) -> str | None:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        return None
    host, port = parts[1].lower(), parts[2]
    try:
        if host.startswith("["):
            host = f"[{IPv6Address(host[1:-1])}]"
        elif not host.isascii():
            host = host.encode("idna").decode()
    except ValueError:
        return None
    if not port or int(port) == _DEFAULT_PORTS.get(scheme):
        return host
    return f"{host}:{int(port)}"
