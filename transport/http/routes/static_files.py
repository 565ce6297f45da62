"""Pages for browsers: files with headers that let no foreign script in."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.responses import Response

from transport.http.exchange.app import Endpoint, HttpRequest, Routes
from transport.http.exchange.etags import is_known

_MEDIA_TYPES: Final = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_routes(files: Mapping[str, Path]) -> Routes:
    """Return the routes that serve ``files``: path -> file, read once, now.

    Raises:
        OSError: a file cannot be read.
    """
    return {path: {"GET": _file(file)} for path, file in files.items()}


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
