"""Tokens for the devices of the development page: only the page itself is given any."""

from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.responses import Response

from actors.messages.names import Name
from transport.errors import Problem
from transport.http.exchange.app import HttpRequest, Routes
from transport.http.exchange.requests import decode, read_body
from transport.http.exchange.responses import json_response

MAX_TOKEN_REQUEST_BYTES: Final = 1024


class DeviceTokenRequest(Struct, frozen=True):
    """Body of ``POST /dev/token``."""

    device: Name


class DeviceToken(Struct, frozen=True):
    """A device's token, and whose device that is."""

    user_id: str
    token: str


_DECODER: Final = msgspec.json.Decoder(DeviceTokenRequest)


def device_token_routes(user_id: str, mint: Callable[[str], str]) -> Routes:
    """Return ``POST /dev/token``, by which the page gets tokens for its devices: for development.

    Args:
        user_id: whose devices they are.
        mint: device id -> token.
    """

    async def device_token(request: HttpRequest) -> Response:
        _check_same_origin(request)
        asked = decode(_DECODER.decode, await read_body(request, MAX_TOKEN_REQUEST_BYTES))
        return json_response(DeviceToken(user_id, mint(asked.device)), headers={"Cache-Control": "no-store"})

    return {"/dev/token": {"POST": device_token}}


def _check_same_origin(request: HttpRequest) -> None:
    """Admit only the page itself, at an address that no foreign site can make its own.

    A browser sends ``Origin`` with every POST. It is worth nothing under a foreign name that was made to point here
    (DNS rebinding): so the page must be open at an IP address or at localhost.
    """
    host = request.header(b"host").lower()
    try:
        is_page = urlsplit(request.header(b"origin").lower()).netloc == host
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets around something else than an address
        is_page, name = False, ""
    if not is_page:
        raise Problem(HTTPStatus.FORBIDDEN, "Only the page of this very service gets tokens here.")
    if not _is_local_name(name):
        raise Problem(HTTPStatus.FORBIDDEN, "Open the page by its IP address, or as localhost.")


def _is_local_name(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
