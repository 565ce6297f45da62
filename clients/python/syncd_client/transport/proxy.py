"""The proxy that the system's settings name: a mistake in them is reported before anything is tried with it."""

import importlib.util
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from websockets.exceptions import InvalidProxy
from websockets.proxy import get_proxy, parse_proxy
from websockets.uri import parse_uri

_NO_URL: Final = "{} must be a URL, such as http://proxy.example.com:3128"


class ProxyMistakeError(Exception):
    """No request can be sent by the proxy of the system's settings. What they say is not repeated."""


def proxy_mistake(address: str) -> str | None:
    """Return why the proxy that the system's settings name for ``address`` cannot be used; ``None``: nothing is wrong.

    The reason does not repeat the settings: there may be a password in them.
    """
    setting = get_proxy(parse_uri(address))
    if setting is None:
        return None
    names = [f"{name}_proxy" for name, value in getproxies().items() if value.rpartition("//")[2] in setting]
    name = names[0] if names else "the system's proxy setting"
    if (scheme := _scheme_of(setting)) is None:
        return _NO_URL.format(name)
    if scheme.startswith("socks") and importlib.util.find_spec("python_socks") is None:
        return f"{name} names a SOCKS proxy, which needs the package python-socks[asyncio]"
    return None


def proxy_for_requests(address: str) -> str | None:
    """Return the proxy for requests to ``address``, ``http://`` or ``https://``; ``None``: there is none.

    It is what ``https_proxy``, ``http_proxy`` and ``no_proxy`` say, as for the WebSocket. Left to itself, httpx would
    also obey ``all_proxy``, often one that it cannot use, and fail on what it cannot read in ``no_proxy``.

    Raises:
        ProxyMistakeError: it cannot be used.
    """
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    setting = getproxies().get(parts.scheme)
    if setting is None or proxy_bypass(f"{parts.hostname}:{port}"):
        return None
    setting = setting.strip()
    setting = setting if "://" in setting else f"http://{setting}"
    name = f"{parts.scheme}_proxy"
    if (scheme := _scheme_of(setting)) is None:
        raise ProxyMistakeError(_NO_URL.format(name))
    if scheme.startswith("socks4"):
        raise ProxyMistakeError(f"{name} names a SOCKS4 proxy, which requests over HTTP cannot go by")
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ProxyMistakeError(
            f"{name} names a SOCKS proxy, for which requests over HTTP need the package httpx[socks]"
        )
    return setting


def _scheme_of(setting: str) -> str | None:
    """Return the scheme of a proxy's URL; ``None``: it is none."""
    try:
        return parse_proxy(setting).scheme
    except (InvalidProxy, ValueError):
        return None
