"""What stands between a device and the service: it lets upgrades through, or refuses them in its own way."""

from random import Random
from typing import Final, Literal, get_args

from simulation.outside.network import Connection

Refusal = Literal["strips", "resets", "answers", "swallows"]
"""Of an upgrade: it takes the header away, so that the service sees a plain request; it resets the connection; it
answers itself; it lets nothing of it through."""
REFUSALS: Final[tuple[Refusal, ...]] = get_args(Refusal)
ITS_ANSWER: Final = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 9\r\nconnection: close\r\n\r\nForbidden"
)
DOUBLED: Final = 0.3
"""Of the requests, where an intermediary sends them twice."""
NEW_CONNECTION: Final = 0.5
"""Of the requests that could go on the connection of the one before."""


class Intermediary:
    """Of one device; what it does is changed at any time, and holds for connections that begin from then on."""

    def __init__(self, *, passes_http: bool = False) -> None:
        self.passes_http = passes_http
        """Whether there is a way beside WebSockets."""
        self.refusal: Refusal | None = None
        self.is_buffering = False
        """Whether it keeps an answer until that is whole."""
        self.is_doubling = False
        """Whether it sends a request again now and then, as some do that have lost their own connection meanwhile."""

    def stop_upgrade(self, connection: Connection) -> None:
        """Do what it does to a connection on which an upgrade was asked for."""
        match self.refusal:
            case "resets":
                connection.cut()
            case "answers":
                connection.answer_instead(ITS_ANSWER)
            case "swallows":
                connection.silence()
            case "strips" | None:
                pass  # the request is another one already

    def doubles(self, rng: Random) -> bool:
        """Return whether the next request goes out twice."""
        return self.is_doubling and rng.random() < DOUBLED

    def __str__(self) -> str:
        words = [] if self.refusal is None else [f"{self.refusal} upgrades"]
        words += ["buffers"] if self.is_buffering else []
        words += ["sends twice"] if self.is_doubling else []
        return " and ".join(words) or "lets everything through"
