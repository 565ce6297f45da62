"""What can go wrong between the network and the actors, by whose fault: the three kinds are those of ``actors.errors``.

PeerError                    what a client sent: the same again ends the same way
├── TokenRefused
│   └── SigningKeyMissing    fetching the issuer's keys may still help
└── ClientGone
TemporaryError               the moment: also those of the ports (``actors.errors``)
├── IssuerUnavailable
└── KeysUnavailable
DefectError                  ours: whatever has no name here

Problem                      the form in which any of them reaches an HTTP client; its status says whose fault it is
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from actors.errors import PeerError, TemporaryError


class TokenRefused(PeerError):
    """The token is not accepted; the text says why and may be shown to the client."""


class SigningKeyMissing(TokenRefused):
    """No known key verifies the token, one that the issuer publishes may: see ``Authenticator.authenticate_fetching``.

    ``known``: the ``KeySet`` whose keys were tried.
    """

    def __init__(self, reason: str, known: Any) -> None:
        super().__init__(reason)
        self.known = known


class ClientGone(PeerError):
    """The client hung up before its request was whole; nobody waits for an answer."""


class IssuerUnavailable(TemporaryError):
    """An issuer's key set could not be fetched; the text says why, for operators."""


class KeysUnavailable(TemporaryError):
    """Whether a token is valid cannot be said now, for want of its key; the text may be shown to the client."""


class Problem(Exception):
    """Ends a request with ``status``; ``detail`` is one sentence that names the field and the fix.

    4xx is the peer's fault, 503 and 429 are the moment's, other 5xx our own. ``code`` and ``field`` say the same to
    programs, where the status is not enough.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.code = code
        self.field = field
