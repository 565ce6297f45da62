"""What can go wrong between the network and the actors, by whose fault: the three kinds are those of ``actors.errors``.

PeerError                    what a client sent: the same again ends the same way
├── TokenRefused
│   └── SigningKeyMissing    fetching the issuer's keys may still help
└── ClientGone
TemporaryError               the moment: those of the ports (``actors.errors``)
DefectError                  ours: whatever has no name here

Problem                      the form in which any of them reaches an HTTP client; its status says whose fault it is
"""

from collections.abc import Mapping
from http import HTTPStatus

from actors.errors import PeerError


class TokenRefused(PeerError):
    """The token is not accepted; the text says why and may be shown to the client."""


class SigningKeyMissing(TokenRefused):
    """The token names a key that is not known here: ``Authenticator.authenticate_fetching`` may still accept it."""


class ClientGone(PeerError):
    """The client hung up before its request was whole; nobody waits for an answer."""


class Problem(Exception):
    """Ends a request with ``status``; ``detail`` is one sentence that names the field and the fix.

    4xx is the peer's fault, 503 and 429 are the moment's, other 5xx our own.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
