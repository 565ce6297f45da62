"""Which NATS servers to use: their addresses, with what they are shown, and the time-outs."""

from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct


class NatsSettings(Struct, frozen=True, kw_only=True):
    """Which server, and the time-outs."""

    url: str
    """``nats://`` or ``tls://``, with ``user:password@`` or ``token@`` if needed; commas between several servers."""
    retry_s: float = 2.0
    """Between two attempts, varied by up to a fifth; attempts never end."""
    denied_pause_s: float = 30.0
    """From a denial of one subject to the next connection, which asks for all of them; the others work until then."""
    request_timeout_s: float = 2.0
    """The time-out for connecting to one server, and for its confirmation of a message."""
    ping_interval_s: float = 10.0
    """A server that leaves two pings unanswered is gone."""
    max_waiting: int = 65_536
    """Messages received and not yet handed on; beyond it they are dropped, which is reported as a gap."""

    def __post_init__(self) -> None:
        """Refuse addresses that can reach no server. Raises: ValueError, which quotes none: it may hold a password."""
        if not all(map(_is_address, self.url.split(","))):
            raise ValueError("must be nats://host:4222 or tls://host:4222, with commas between several servers")


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, no IPv6 address
        return False


def credentials(url: str) -> dict[str, Any]:
    """Return the credentials for every server: those of the first address, decoded as the client expects them."""
    address = urlsplit(url)
    if address.username is None:
        return {}
    if address.password is None:
        return {"token": unquote(address.username)}
    return {"user": unquote(address.username), "password": unquote(address.password)}
