"""How a client asks for its WebSocket, and for whom."""

import logging
from typing import Final

from websockets.client import ClientProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

MAX_BYTES: Final = 64 << 20

_quiet = logging.getLogger("simulation.websockets")
_quiet.disabled = True


def open_handshake(target: str, token: str, *, is_javascript: bool, is_stripped: bool = False) -> ClientProtocol:
    """Return a protocol that has asked for ``target``; JavaScript can set no header, and offers the token as a name.

    ``is_stripped``: as an intermediary passes the request on that knows of no upgrades.
    """
    offered = [Subprotocol("syncd.v1"), Subprotocol(f"bearer.{token}")] if is_javascript else None
    protocol = ClientProtocol(parse_uri(f"ws://node{target}"), subprotocols=offered, max_size=MAX_BYTES, logger=_quiet)
    request = protocol.connect()
    if not is_javascript:
        request.headers["Authorization"] = f"Bearer {token}"
    if is_stripped:  # RFC 9110 section 7.6.1
        del request.headers["Connection"], request.headers["Upgrade"]
    protocol.send_request(request)
    return protocol
