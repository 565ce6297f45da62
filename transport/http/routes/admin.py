"""The operator's API: look at all nodes, disconnect, revoke, tell everybody something (docs/protocol.md).

For tokens whose ``scope`` has the word ``syncd:admin``. Every call is one line of the log ``syncd.audit``: who, what,
on whom, with which outcome.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any, Final, Protocol, TypeVar
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta, Struct, structs
from starlette.responses import Response

from actors.errors import StoreUnavailable
from actors.messages.control import (
    Command,
    ConnectionsClosed,
    ConnectionsNotified,
    DisconnectUser,
    FindUser,
    ListUsers,
    LookForRevocations,
    ReadFigures,
    ShowNotice,
    UsersListed,
)
from actors.messages.deployment import Answers
from actors.messages.devices import Devices, ReadDevices
from actors.messages.failures import ReadFailed
from actors.messages.lists import Lists, ReadLists
from actors.messages.names import NAME_RULE, Name, is_name
from actors.messages.sync import NoticeLevel
from actors.runtime import LoopFuture
from actors.runtime.tell import Tell
from transport.access.authentication import MAX_TOKEN_LENGTH, Authenticator, revocable_id
from transport.errors import ClientGone, Problem
from transport.figures.stats import NodeStats
from transport.http.exchange.app import Endpoint, HttpRequest, Routes
from transport.http.exchange.requests import MAX_WRITE_BYTES, authenticated, decode, read_body
from transport.http.exchange.responses import json_response
from transport.http.routes.admin_answers import (
    DeploymentStats,
    Disconnected,
    NodeUsers,
    Notified,
    UserConnections,
    deployment_stats,
    node_users,
    results_of,
    user_connections,
)
from transport.wire.problems import unavailable

T = TypeVar("T")

PREFIX: Final = "/api/v1/admin"
SCOPE: Final = "syncd:admin"
RETRY_AFTER_S: Final = 2.0
READ_TIMEOUT_S: Final = 2.0
"""How long the journal has to say what it has of a user; an operator may be asking because it is slow."""

audit: Final = logging.getLogger("syncd.audit")

_NOT_TO_BE_KEPT: Final = {"Cache-Control": "no-store"}


class DisconnectRequest(Struct, frozen=True):
    """Close the connections of a user, or of one of the user's devices; they may come back."""

    user_id: Name
    device_id: Name | None = None


class RevokeRequest(Struct, frozen=True):
    """Refuse the token whose ``jti`` this is, on every node."""

    token_id: Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN_LENGTH)]
    expires_at: Annotated[float, Meta(ge=0, lt=1 << 53)] | None = None
    """The token's ``exp``, after which there is nothing to refuse; without it the revocation is kept for ever. Of two
    revocations of one token the later end holds. It may have a fraction (RFC 7519 section 2).
    """


class NoticeRequest(Struct, frozen=True):
    """Show every device a line of text."""

    message: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\u0000-\u001f\u007f-\u009f]+(?![\s\S])")]
    level: NoticeLevel = "info"


class RunOnNodes(Protocol):
    """Has a command done by every node, or by one of them."""

    async def __call__(self, command: Command, to: str | None = None) -> Answers:
        """Return what became of it. Raises: TimeoutError, this node itself does not answer."""
        ...


class AdminDeps(Struct, frozen=True, eq=False):
    """What the admin API needs of the daemon."""

    node: str
    """This one."""
    authenticator: Authenticator
    stats: Callable[[], NodeStats]
    """This node's."""
    run_on_nodes: RunOnNodes
    journal: Tell[ReadLists | ReadDevices]
    revoke: Callable[[str, int | None], Awaitable[int]]
    """``revoke(token_id, expires_at)`` returns how many connections it closed here. Raises: StoreUnavailable."""


class _Call:
    """One call, as its audit line tells it."""

    def __init__(self, request: HttpRequest, authenticator: Authenticator) -> None:
        self.request = request
        self._authenticator = authenticator
        self.by = "unknown"
        self.target = ""
        self.outcome = ""

    async def body(self, kind: type[T]) -> T:
        return decode(
            msgspec.json.Decoder(kind).decode, await read_body(self.request, MAX_WRITE_BYTES, self._authenticator)
        )


def admin_routes(deps: AdminDeps) -> Routes:
    """Return the endpoints, to be served beside the others."""
    api = _AdminApi(deps)
    return {
        f"{PREFIX}/stats": {"GET": api.endpoint("stats", api.stats)},
        f"{PREFIX}/users": {"GET": api.endpoint("users", api.user)},
        f"{PREFIX}/node": {"GET": api.endpoint("node", api.node)},
        f"{PREFIX}/disconnect": {"POST": api.endpoint("disconnect", api.disconnect)},
        f"{PREFIX}/revoke": {"POST": api.endpoint("revoke", api.revoke)},
        f"{PREFIX}/notice": {"POST": api.endpoint("notice", api.notice)},
    }


class _AdminApi:
    def __init__(self, deps: AdminDeps) -> None:
        self._deps = deps

    def endpoint(self, action: str, act: Callable[[_Call], Awaitable[Struct]]) -> Endpoint:
        """Return ``act`` as an endpoint that checks the token's scope, and is audited."""
        return partial(self._audited, action, act)

    async def _audited(self, action: str, act: Callable[[_Call], Awaitable[Struct]], request: HttpRequest) -> Response:
        call = _Call(request, self._deps.authenticator)
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
            said: dict[str, Any] = {"action": action, "by": call.by, "address": request.address}
            said |= {"target": call.target, "outcome": call.outcome}
            audit.info("admin call", extra=said)
        return json_response(answer, headers=_NOT_TO_BE_KEPT)

    async def stats(self, call: _Call) -> DeploymentStats:
        call.outcome = "read"
        return deployment_stats(self._deps.stats(), await self._ask(ReadFigures()))

    async def user(self, call: _Call) -> UserConnections:
        user_id = _named("user_id", call.request.query)
        call.target, call.outcome = f"user {user_id}", "read"
        lists: LoopFuture[Lists | ReadFailed] = LoopFuture()
        devices: LoopFuture[Devices | ReadFailed] = LoopFuture()
        self._deps.journal(ReadLists(user_id, lists.set))
        self._deps.journal(ReadDevices(user_id, devices.set))
        answers = await self._ask(FindUser(user_id))
        return user_connections(user_id, answers, await _in_time(lists), await _in_time(devices))

    async def node(self, call: _Call) -> NodeUsers:
        node = _named("name", call.request.query) if call.request.query else self._deps.node
        call.target = f"node {node}"
        answers = await self._ask(ListUsers(), node)
        if not answers.known:
            raise Problem(HTTPStatus.NOT_FOUND, f"name: no node '{node}' was heard of lately; stats lists them.")
        listed = answers.results.get(node)
        if not isinstance(listed, UsersListed):
            raise unavailable(f"Node '{node}' did not answer.", RETRY_AFTER_S)
        call.outcome = "read"
        return node_users(node, listed)

    async def disconnect(self, call: _Call) -> Disconnected:
        asked = await call.body(DisconnectRequest)
        call.target = f"user {asked.user_id}" + (f", device {asked.device_id}" if asked.device_id else "")
        answers = await self._ask(DisconnectUser(asked.user_id, asked.device_id))
        disconnected = _closed(answers)
        call.outcome = f"{disconnected.disconnected} disconnected, {_nodes(disconnected)}"
        return disconnected

    async def revoke(self, call: _Call) -> Disconnected:
        asked = await call.body(RevokeRequest)
        token_id = revocable_id(asked.token_id)
        call.target = f"token id {token_id}"
        expires_at = None if asked.expires_at is None else ceil(asked.expires_at)
        if expires_at is not None and expires_at <= time.time():
            fix = "give the exp of a token that is still accepted, or leave it out to revoke for ever"
            raise Problem(HTTPStatus.BAD_REQUEST, f"expires_at: {expires_at} is in the past; {fix}.")
        try:
            closed_here = await self._deps.revoke(token_id, expires_at)
        except StoreUnavailable:
            raise unavailable("The revocation could not be kept, the token is still accepted.", RETRY_AFTER_S) from None
        answers = await self._ask(LookForRevocations())
        here = {self._deps.node: ConnectionsClosed(closed_here)}  # which needs not look
        disconnected = _closed(structs.replace(answers, results={**answers.results, **here}))
        call.outcome = f"revoked, {disconnected.disconnected} disconnected, {_nodes(disconnected)}"
        return disconnected

    async def notice(self, call: _Call) -> Notified:
        asked = await call.body(NoticeRequest)
        call.target = f"every device: {asked.level}: {asked.message}"
        answers = await self._ask(ShowNotice(asked.message, asked.level))
        results = results_of(ConnectionsNotified, answers)
        notified = Notified(sum(done.connections for _, done in results), len(results), answers.known)
        call.outcome = f"{notified.notified} notified, {_nodes(notified)}"
        return notified

    async def _ask(self, command: Command, to: str | None = None) -> Answers:
        try:
            return await self._deps.run_on_nodes(command, to)
        except TimeoutError:
            raise unavailable("This node could not ask the others.", RETRY_AFTER_S) from None


async def _in_time(pending: LoopFuture[T | ReadFailed]) -> T | ReadFailed:
    """Return what the journal answers, or that it does not: who is connected is told without it, too."""
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await pending
    except TimeoutError:
        return ReadFailed("the journal does not answer")


def _closed(answers: Answers) -> Disconnected:
    results = results_of(ConnectionsClosed, answers)
    return Disconnected(sum(done.connections for _, done in results), len(results), answers.known)


def _nodes(answer: Disconnected | Notified) -> str:
    return f"{answer.nodes} of {answer.known} nodes"


def _named(parameter: str, query: bytes) -> str:
    try:
        values = parse_qs(query.decode(), keep_blank_values=True, errors="strict").get(parameter, [])
    except ValueError:  # in UTF-8 no surrogate can be told, and what is replaced would be somebody else
        values = []
    if len(values) != 1 or not is_name(values[0]):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{parameter}: must be given once, in UTF-8: {NAME_RULE}.")
    return values[0]
