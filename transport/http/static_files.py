"""Pages for browsers: files with headers that let no foreign script in, and tokens for the page that tries it all."""

import hashlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.responses import Response

from actors.messages.change import Name
from transport.errors import Problem
from transport.http.app import Endpoint, HttpRequest, Routes
from transport.http.etags import is_known
from transport.http.requests import decode, read_body

MAX_TOKEN_REQUEST_BYTES: Final = 1024

_MEDIA_TYPES: Final = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class DeviceTokenRequest(Struct, frozen=True):
    """Body of ``POST /dev/token``."""

    device: Name


class DeviceToken(Struct, frozen=True):
    """A device's token, and whose device that is."""

    user_id: str
    token: str


def page_routes(files: Mapping[str, Path]) -> Routes:
    """Return the routes that serve ``files``: path -> file, read once, now.

    Raises:
        OSError: a file cannot be read.
    """
    return {path: {"GET": _file(file)} for path, file in files.items()}


def device_token_routes(user_id: str, mint: Callable[[str], str]) -> Routes:
    """Return ``POST /dev/token``, by which the page gets tokens for its devices: for development.

    Args:
        user_id: whose devices they are.
        mint: device id -> token.
    """

    async def device_token(request: HttpRequest) -> Response:
        _check_same_origin(request)
        asked = decode(_DECODER, await read_body(request, MAX_TOKEN_REQUEST_BYTES))
        body = msgspec.json.encode(DeviceToken(user_id, mint(asked.device)))
        return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")

    return {"/dev/token": {"POST": device_token}}


_DECODER: Final = msgspec.json.Decoder(DeviceTokenRequest)


def _file(path: Path) -> Endpoint:
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = _SECURITY_HEADERS | {"Cache-Control": "no-cache", "ETag": etag}
    media_type = _MEDIA_TYPES[path.suffix]

    async def serve(request: HttpRequest) -> Response:
        if is_known(etag, request.header(b"if-none-match")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return serve


def _check_same_origin(request: HttpRequest) -> None:
    """Let in the page itself, at an address that no foreign site can make its own.

    A browser sends ``Origin`` with every POST. It is worth nothing under a foreign name that was made to point here
    (DNS rebinding): so the page must be open at an IP address or at localhost.
    """
    host = request.header(b"host").lower()
    if urlsplit(request.header(b"origin").lower()).netloc != host or not host:
        raise Problem(HTTPStatus.FORBIDDEN, "Only the page of this very service gets tokens here.")
    if not _is_local_name(urlsplit(f"//{host}").hostname or ""):
        raise Problem(HTTPStatus.FORBIDDEN, "Open the page by its IP address, or as localhost.")


def _is_local_name(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
