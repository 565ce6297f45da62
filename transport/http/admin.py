"""The operator's API: look at a node, disconnect, revoke, tell everybody something (docs/protocol.md).

For tokens whose ``scope`` has the word ``syncd:admin``. Every call is one line of the log ``syncd.audit``: who, what,
on whom, with which outcome.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from actors.errors import StoreUnavailable
from actors.messages.change import Name
from actors.messages.close_codes import DISCONNECTED
from actors.messages.connection import ConnectionInfo, Disconnect
from actors.messages.sync import Notice, NoticeLevel
from transport.access.authentication import Authenticator
from transport.errors import ClientGone, Problem
from transport.figures.stats import NodeStats
from transport.http.answers import json_response
from transport.http.app import Endpoint, HttpRequest, Routes
from transport.http.requests import MAX_WRITE_BYTES, authenticated, decode, read_body
from transport.problems import unavailable

T = TypeVar("T")

PREFIX: Final = "/api/v1/admin"
SCOPE: Final = "syncd:admin"
RETRY_AFTER_S: Final = 2.0

audit: Final = logging.getLogger("syncd.audit")

_NOT_TO_BE_KEPT: Final = {"Cache-Control": "no-store"}


class DisconnectRequest(Struct, frozen=True):
    """Close the connections of a user, or of one of the user's devices, to this node; they may come back."""

    user_id: Name
    device_id: Name | None = None


class RevokeRequest(Struct, frozen=True):
    """Refuse the token whose ``jti`` this is, on every node."""

    token_id: Name
    expires_at: Annotated[int, Meta(ge=0, lt=1 << 53)] | None = None
    """The token's ``exp``, after which there is nothing to refuse; without it the revocation is kept for ever. Of two
    revocations of one token the later end holds.
    """


class NoticeRequest(Struct, frozen=True):
    """Show every device of this node a line of text."""

    message: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\u0000-\u001f\u007f-\u009f]+(?![\s\S])")]
    level: NoticeLevel = "info"


class Disconnected(Struct, frozen=True):
    """How many connections were told to close."""

    disconnected: int


class Notified(Struct, frozen=True):
    """How many connections were sent the notice."""

    notified: int


class DeviceConnection(Struct, frozen=True):
    """One connection of a user's device to this node."""

    connection_id: str
    device_id: str
    connected_at: str
    """RFC 3339, UTC."""


class UserConnections(Struct, frozen=True):
    """A user's connections to this node, oldest first."""

    user_id: str
    connections: list[DeviceConnection]


class AdminDeps(Struct, frozen=True, eq=False):
    """What the admin API needs of the daemon."""

    authenticator: Authenticator
    stats: Callable[[], NodeStats]
    connections_of: Callable[[str], Awaitable[tuple[ConnectionInfo, ...]]]
    broadcast: Callable[[Notice], Awaitable[int]]
    """Sends to every connection and returns their number."""
    revoke: Callable[[str, int | None], Awaitable[int]]
    """``revoke(token_id, expires_at)`` returns how many connections it closed. Raises: StoreUnavailable."""


class _Call:
    """One call, as its audit line tells it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.by = "unknown"
        self.target = ""
        self.outcome = ""

    async def body(self, kind: type[T]) -> T:
        return decode(msgspec.json.Decoder(kind), await read_body(self.request, MAX_WRITE_BYTES))


def admin_routes(deps: AdminDeps) -> Routes:
    """Return the endpoints, to be served beside the others."""
    api = _AdminApi(deps)
    return {
        f"{PREFIX}/stats": {"GET": api.endpoint("stats", api.stats)},
        f"{PREFIX}/users": {"GET": api.endpoint("users", api.user)},
        f"{PREFIX}/disconnect": {"POST": api.endpoint("disconnect", api.disconnect)},
        f"{PREFIX}/revoke": {"POST": api.endpoint("revoke", api.revoke)},
        f"{PREFIX}/notice": {"POST": api.endpoint("notice", api.notice)},
    }


class _AdminApi:
    def __init__(self, deps: AdminDeps) -> None:
        self._deps = deps

    def endpoint(self, action: str, act: Callable[[_Call], Awaitable[Struct]]) -> Endpoint:
        """Return ``act`` behind the scope's door, audited."""
        return partial(self._audited, action, act)

    async def _audited(self, action: str, act: Callable[[_Call], Awaitable[Struct]], request: HttpRequest) -> Response:
        call = _Call(request)
        try:
            claims = await authenticated(request, self._deps.authenticator)
            call.by = claims.user_id
            if SCOPE not in (claims.scope or "").split():
                raise Problem(HTTPStatus.FORBIDDEN, f"The token's scope must have the word '{SCOPE}'.")
            answer = await act(call)
        except Problem as problem:
            call.outcome = f"refused: {problem.status.value}"
            raise
        except ClientGone:
            call.outcome = "refused: incomplete"
            raise
        except Exception:
            call.outcome = "failed"
            raise
        finally:
            said: dict[str, Any] = {"action": action, "by": call.by, "target": call.target, "outcome": call.outcome}
            audit.info("admin call", extra=said)
        return json_response(answer, headers=_NOT_TO_BE_KEPT)

    async def stats(self, call: _Call) -> NodeStats:
        call.outcome = "read"
        return self._deps.stats()

    async def user(self, call: _Call) -> UserConnections:
        user_id = _user_id(call.request.query)
        call.target, call.outcome = f"user {user_id}", "read"
        connections = await self._deps.connections_of(user_id)
        return UserConnections(user_id, [_device_connection(connection) for connection in connections])

    async def disconnect(self, call: _Call) -> Disconnected:
        asked = await call.body(DisconnectRequest)
        call.target = f"user {asked.user_id}" + (f", device {asked.device_id}" if asked.device_id else "")
        closed = 0
        for connection in await self._deps.connections_of(asked.user_id):
            if asked.device_id in (None, connection.device_id):
                connection.tell(Disconnect(DISCONNECTED))
                closed += 1
        call.outcome = f"{closed} disconnected"
        return Disconnected(closed)

    async def revoke(self, call: _Call) -> Disconnected:
        asked = await call.body(RevokeRequest)
        call.target = f"token id {asked.token_id}"
        if asked.expires_at is not None and asked.expires_at <= time.time():
            fix = "give the exp of a token that is still accepted, or leave it out to revoke for ever"
            raise Problem(HTTPStatus.BAD_REQUEST, f"expires_at: {asked.expires_at} is in the past; {fix}.")
        try:
            closed = await self._deps.revoke(asked.token_id, asked.expires_at)
        except StoreUnavailable:
            raise unavailable("The revocation could not be kept, the token is still accepted.", RETRY_AFTER_S) from None
        call.outcome = f"revoked, {closed} disconnected"
        return Disconnected(closed)

    async def notice(self, call: _Call) -> Notified:
        asked = await call.body(NoticeRequest)
        call.target = f"every device of this node: {asked.level}: {asked.message}"
        notified = await self._deps.broadcast(Notice(asked.message, asked.level))
        call.outcome = f"{notified} notified"
        return Notified(notified)


def _user_id(query: bytes) -> str:
    values = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("user_id", [])
    try:
        (user_id,) = values
        return msgspec.convert(user_id, Name)
    except (ValueError, msgspec.ValidationError):
        raise Problem(HTTPStatus.BAD_REQUEST, "user_id: must be given once, 1 to 128 characters.") from None


def _device_connection(connection: ConnectionInfo) -> DeviceConnection:
    connected_at = datetime.fromtimestamp(connection.connected_at, UTC)
    return DeviceConnection(connection.connection_id, connection.device_id, connected_at.isoformat())
