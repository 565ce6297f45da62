"""Pages from elsewhere that may use the API: what their browsers must be told.

Source: the Fetch standard, "HTTP extensions: CORS protocol".
"""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from transport.access.origins import AllowedOrigins
from transport.http.http1.request_head import Field

MAX_AGE_S: Final = 600
"""How long a browser may send as many requests as it likes after it has asked once."""

_EXPOSED: Final = (b"access-control-expose-headers", b"ETag, Retry-After")
_DEPENDS_ON_ORIGIN: Final = (b"vary", b"Origin")


class Cors:
    """Admits pages of ``allowed_origins``; their scripts bring a token with each request, there are no cookies.

    What others send is served too, but their pages do not see the answer.
    """

    def __init__(self, allowed_origins: AllowedOrigins) -> None:
        self._allowed = allowed_origins
        self._are_any_allowed = bool(allowed_origins)

    def response_headers(self, origin: bytes | None) -> tuple[Field, ...]:
        """Return what to add to any answer to a request with this ``Origin``."""
        if not self._are_any_allowed:
            return ()
        if origin is None or not self._allowed.admits(origin.decode("latin-1")):
            return (_DEPENDS_ON_ORIGIN,)
        return (_EXPOSED, (b"access-control-allow-origin", origin), _DEPENDS_ON_ORIGIN)

    def preflight(self, headers: Mapping[bytes, bytes], methods: str = "GET, POST") -> Response | None:
        """Return the answer to a browser that asks before it sends a page's request; ``None``: it does not, or may not.

        The page may send any header: one that is not known here changes nothing.
        """
        origin = headers.get(b"origin", b"").decode("latin-1")
        if b"access-control-request-method" not in headers or not origin:
            return None
        if not self._allowed.admits(origin):
            self._allowed.note_refused(origin, headers.get(b"host", b"").decode("latin-1"))
            return None
        allow = {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": headers.get(b"access-control-request-headers", b"").decode("latin-1"),
            "Access-Control-Max-Age": str(MAX_AGE_S),
        }
        return Response(headers=allow)


NO_CORS: Final = Cors(AllowedOrigins())
