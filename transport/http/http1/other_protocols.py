"""Bytes that are no HTTP/1.1: what else they may be, and what to do about it."""

import logging
from http import HTTPStatus
from typing import Final

from transport.errors import Problem

logger = logging.getLogger(__name__)

_PROXY: Final = (b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n")
"""How both versions of the PROXY protocol begin."""
_TLS_HANDSHAKE: Final = b"\x16\x03"
_HTTP_2: Final = b"PRI * HTTP/2.0\r\n"


def problem_of(data: bytes) -> Problem:
    """Return the problem of what begins with ``data``; a balancer's mistake is logged, for nobody else sees it."""
    detail = "This is not a valid HTTP request."
    if data.startswith(_PROXY):
        logger.warning("a balancer speaks the PROXY protocol, which is not spoken here: turn it off there")
        detail = "The PROXY protocol is not spoken here: turn it off at the balancer."
    elif data.startswith(_TLS_HANDSHAKE):
        detail = "TLS is not spoken on this port: use http:// and ws://."
    elif data.startswith(_HTTP_2):
        detail = "HTTP/2 is not spoken here: use HTTP/1.1."
    return Problem(HTTPStatus.BAD_REQUEST, detail)
