"""What proxies say of a request that they pass on: who asked, at which host, by which scheme.

Source: RFC 7239. ``X-Forwarded-…`` have no standard: each proxy adds the address that it was asked from at the end of
``-For``, and the others are what the first one was asked for.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from msgspec import Struct

from transport.access.origins import SCHEME as SCHEME_NAME
from transport.http.http1.hosts import is_host
from transport.http.http1.request_head import Field

SCHEME: Final = SCHEME_NAME.encode()
UNIX: Final = "unix"
"""Names whoever connects to a unix socket."""

_SCHEMES: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
# A quote that is never closed goes on to the end, and a name begins where a word does: so a search without a match
# looks once, not again from each character.
_ELEMENT: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^,"])+')
_PAIR: Final = re.compile(r'\b(\w+)=(?:"((?:[^"\\]|\\.)*)"|"(?:[^"\\]|\\.)*\\?\Z|([^;,"\s]*))')
_MAX_LENGTH: Final = 2048
"""Of ``Forwarded``: longer ones are passed over."""
_MAX_HOPS: Final = 64
"""Looked at from the end; 32 KiB of addresses that are trusted took 16 ms."""


class Forwarded(Struct, frozen=True):
    """What is to be believed of a request; ``None``: nothing was said."""

    client: str | None
    """The address of the last one who is no trusted proxy, or of the first proxy."""
    scheme: str | None
    """``http`` or ``https``."""
    host: str | None
    """With its port, if that is said."""


class TrustedProxies:
    """The proxies that are believed.

    Args:
        names: addresses, networks, and ``unix``.

    Raises:
        ValueError: one is none of these.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        names = list(names)
        self._is_unix_trusted = UNIX in names
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(name) for name in names if name != UNIX]

    def trust(self, peer: str | None) -> bool:
        """Return whether ``peer``, an address, is one of them; ``None``: it came by a unix socket."""
        if peer is None:
            return self._is_unix_trusted
        if not self._networks:
            return False
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)

    def told(self, headers: Iterable[Field]) -> Forwarded:
        """Return what a trusted proxy says in ``headers``; of two ways to say something, ``X-Forwarded-…``."""
        said = _by_name(headers)
        hops = [*_hops(said.get("x-forwarded-for", ""))]
        elements = _forwarded(said.get("forwarded", ""))
        hops = hops or [_without_port(element["for"]) for element in elements if "for" in element]
        first = elements[0] if elements else {}
        scheme = _first(said.get("x-forwarded-proto", "")) or first.get("proto", "")
        host = _first(said.get("x-forwarded-host", "")) or first.get("host", "")
        port = _first(said.get("x-forwarded-port", ""))
        if host and port.isdecimal() and not re.search(r":\d+$", host):
            host = f"{host}:{port}"
        return Forwarded(
            client=self._client(hops),
            scheme=_SCHEMES.get(scheme.lower()),
            host=host if host and is_host(host.encode("latin-1")) else None,
        )

    def _client(self, hops: list[str]) -> str | None:
        client = None
        for hop in reversed(hops):
            try:
                client = str(ip_address(hop))
            except ValueError:  # "unknown", or a name that only the proxy knows
                break
            if not self.trust(client):
                break
        return client


NO_PROXIES: Final = TrustedProxies()

Address = tuple[str, int]
"""A host's address and a port."""


class Peer:
    """Who is at the other end of a connection: a client, or a proxy, which is believed or not.

    Args:
        address: of it; ``None``: it came by a unix socket.
        has_tls: it came by TLS.
        proxies: that are believed.
    """

    __slots__ = ("_address", "_has_tls", "_trusted")

    def __init__(self, address: Address | None, has_tls: bool, proxies: TrustedProxies) -> None:
        self._address = address
        self._has_tls = has_tls
        self._trusted = proxies if proxies.trust(address[0] if address else None) else None

    def told(self, headers: list[Field]) -> tuple[list[Field], Address | None]:
        """Return a request's headers as its client sent them, with ``SCHEME`` if that is known, and who that is."""
        address = self._address
        if self._trusted is not None:
            forwarded = self._trusted.told(headers)
            headers = with_told(headers, forwarded)
            address = address if forwarded.client is None else (forwarded.client, 0)
            if forwarded.scheme is not None:
                return headers, address
        return ([*headers, (SCHEME, b"https")] if self._has_tls else headers), address


def with_told(headers: list[Field], forwarded: Forwarded) -> list[Field]:
    """Return ``headers`` as the client sent them to the first proxy, and ``SCHEME``."""
    if forwarded.host is not None:
        headers = [field for field in headers if field[0] != b"host"]
        headers.append((b"host", forwarded.host.encode("latin-1")))
    return headers if forwarded.scheme is None else [*headers, (SCHEME, forwarded.scheme.encode())]


def _by_name(headers: Iterable[Field]) -> Mapping[str, str]:
    said: dict[str, str] = {}
    for name, value in headers:
        if name.startswith((b"x-forwarded-", b"forwarded")):
            key, text = name.decode("latin-1"), value.decode("latin-1")
            said[key] = f"{said[key]},{text}" if key in said else text
    return said


def _hops(value: str) -> list[str]:
    return [_without_port(hop) for hop in value.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:] if hop.strip()]


def _first(value: str) -> str:
    return value.partition(",")[0].strip()


def _forwarded(value: str) -> list[dict[str, str]]:
    if len(value) > _MAX_LENGTH:
        return []
    return [
        {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in _PAIR.findall(element)}
        for element in _ELEMENT.findall(value)
    ]


def _without_port(node: str) -> str:
    """Return the address of ``192.0.2.1:80``, ``[2001:db8::1]:80``, ``2001:db8::1``."""
    node = node.strip()
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node
