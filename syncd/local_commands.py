"""This node's part of what an operator wants of all nodes."""

import json
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar, assert_never

import msgspec
from pykka import ActorRef

from actors.fanout.connection_registry import ConnectionRegistry
from actors.messages.close_codes import DISCONNECTED
from actors.messages.connection import Disconnect
from actors.messages.control import (
    Command,
    ConnectionsClosed,
    ConnectionsNotified,
    DisconnectUser,
    FiguresRead,
    FindUser,
    FoundConnection,
    ListedUser,
    ListUsers,
    LookForRevocations,
    ReadFigures,
    Result,
    ShowNotice,
    UserFound,
    UsersListed,
)
from actors.messages.fanout import BroadcastToAll, GetUserConnections, GetUsers
from actors.messages.sync import Notice
from actors.runtime.ask import ask
from transport.figures.stats import NodeStats

T = TypeVar("T")

MAX_LISTED = 100
"""Connections of a user, or users, in one answer."""
MAX_LISTED_BYTES = 16 * 1024
"""The most that users' names may take as ASCII JSON: with what is around them they fit into a PubNub message."""


class LocalCommands:
    """Does what a command says, on this node. Thread: the event loop.

    Args:
        registry: of the node's connections.
        look_for_revocations: learns of revoked tokens and returns how many connections it closed.
        stats: the node's figures of now.
    """

    def __init__(
        self,
        registry: ActorRef[ConnectionRegistry],
        look_for_revocations: Callable[[], Awaitable[int]],
        stats: Callable[[], NodeStats],
    ) -> None:
        self._registry = registry
        self._look_for_revocations = look_for_revocations
        self._stats = stats

    async def act(self, command: Command) -> Result:
        """Return what came of it. Raises: StoreUnavailable, the revocations cannot be read."""
        match command:
            case DisconnectUser(user_id=user_id, device_id=device_id):
                return ConnectionsClosed(await self._disconnect(user_id, device_id))
            case LookForRevocations():
                return ConnectionsClosed(await self._look_for_revocations())
            case ShowNotice(message=message, level=level):
                return ConnectionsNotified(await ask(self._registry, BroadcastToAll(Notice(message, level))))
            case ReadFigures():
                return FiguresRead(msgspec.json.encode(self._stats()).decode())
            case FindUser(user_id=user_id):
                return await self._find(user_id)
            case ListUsers():
                return await self._list()
            case _:
                assert_never(command)

    async def _disconnect(self, user_id: str, device_id: str | None) -> int:
        connections = await ask(self._registry, GetUserConnections(user_id))
        closed = [connection for connection in connections if device_id in (None, connection.device_id)]
        for connection in closed:
            connection.tell(Disconnect(DISCONNECTED))
        return len(closed)

    async def _find(self, user_id: str) -> UserFound:
        connections = await ask(self._registry, GetUserConnections(user_id))
        found = (FoundConnection(each.connection_id, each.device_id, each.connected_at) for each in connections)
        listed = _as_many_as_fit(found, lambda each: each.device_id)
        return UserFound(listed, len(connections) - len(listed))

    async def _list(self) -> UsersListed:
        users = await ask(self._registry, GetUsers(MAX_LISTED))
        listed = _as_many_as_fit((ListedUser(*each) for each in users.first), lambda each: each.user_id)
        return UsersListed(listed, users.count - len(listed))


def _as_many_as_fit(items: Iterable[T], name: Callable[[T], str]) -> tuple[T, ...]:
    listed: list[T] = []
    size_bytes = 0
    for item in islice(items, MAX_LISTED):
        size_bytes += len(json.dumps(name(item)))
        if size_bytes > MAX_LISTED_BYTES:
            break
        listed.append(item)
    return tuple(listed)
