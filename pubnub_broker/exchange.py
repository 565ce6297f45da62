"""One HTTP exchange with the broker: the parsed request, the response, and PubNub's standard errors."""

from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import UNSET, Raw, Struct

from pubnub_broker.names import Name

ACCESS_MANAGER = "Access Manager"


class Refused(Exception):
    """The request gets ``response`` and has no effect."""

    def __init__(self, response: "Response") -> None:
        super().__init__(response)
        self.response = response


class Request:
    """A complete request; its path stays raw, because an escaped ``/`` or ``,`` is part of a name, not a separator."""

    def __init__(self, method: str, target: bytes, headers: dict[bytes, bytes], body: bytes) -> None:
        path, _, query = target.partition(b"?")
        self.method = method
        self.segments = path.decode("utf-8", "replace").split("/")[1:]
        """Path segments, still percent-encoded."""
        self.query = dict(parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True))
        self.headers = headers
        """Names in lower case."""
        self.body = body
        self.uuid = self.query.get("uuid") or None
        """The client's user id."""

    def names(self, segment: str) -> list[Name]:
        """Return what the request is about: the channels of a path segment and the channel groups of its query."""
        groups = self.query.get("channel-group", "").split(",")
        return [
            *(Name(channel) for channel in names_in(segment)),
            *(Name(group, is_group=True) for group in groups if group),
        ]

    def integer(self, name: str) -> int | None:
        """Return a whole number of the query; absent or empty: ``None``.

        Raises:
            Refused: it is something else.
        """
        text = self.query.get(name)
        return whole_number(name, text) if text else None

    def is_set(self, name: str) -> bool:
        """Tell whether a switch of the query is on; SDKs write ``true`` or ``1``."""
        return self.query.get(name) in ("true", "1")


class Response(Struct, frozen=True):
    """A JSON response. A truncated one announces its whole length, stops half-way and closes the connection."""

    status: int
    body: bytes
    is_truncated: bool = False
    is_public: bool = True
    """Whether scripts of any web page may read it, as they may PubNub's."""


def names_in(segment: str) -> list[str]:
    """Return the names of a comma-separated path segment; a lone comma stands for none."""
    return [unquote(name) for name in segment.split(",") if name]


def whole_number(name: str, text: str) -> int:
    """Return ``text``, the value of ``name``, as the number it is.

    Raises:
        Refused: it has other characters than digits.
    """
    if not (text.isascii() and text.isdigit()):
        raise Refused(bad_request(f"{name}: expected a whole number, got {text!r}"))
    return int(text)


def json_response(value: Any, status: int = 200) -> Response:
    """Return ``value`` as a JSON response."""
    return Response(status, msgspec.json.encode(value))


class _Error(Struct):
    message: str
    status: int
    service: str
    error: bool = True
    payload: Any = UNSET


def error(status: int, message: str, service: str, payload: Any = UNSET) -> Response:
    """Return an error in the shape most of PubNub's services use."""
    return json_response(_Error(message, status, service, payload=payload), status)


def bad_request(message: str) -> Response:
    """Return the answer to a request that cannot be understood."""
    return error(400, message, "Broker")


def not_sent(reason: str, timetoken: int) -> Response:
    """Return the answer to a publish or signal that did not happen."""
    return json_response((0, reason, str(timetoken)), 400)


def access_denied(channels: list[str]) -> Response:
    """Return what PubNub's Access Manager says of channels the client may not use."""
    return error(403, "Forbidden", ACCESS_MANAGER, {"channels": channels})


def valid_json(text: bytes) -> Raw | None:
    """Return ``text`` as the JSON it is; ``None``: it is not."""
    try:
        msgspec.json.decode(text)
    except ValueError:
        return None
    return Raw(text)
