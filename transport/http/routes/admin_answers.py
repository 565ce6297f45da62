"""What the operator's API answers: the figures of this node, and what all nodes have done or found."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct, field, structs

from actors.messages.collections import PROGRESS, WATCHLIST, collection_of_list
from actors.messages.control import FiguresRead, FoundConnection, UserFound, UsersListed
from actors.messages.deployment import Answers, PeerNode
from actors.messages.device_registers import time_text
from actors.messages.devices import Devices, KnownDevice
from actors.messages.failures import ReadFailed
from actors.messages.lists import Lists
from transport.figures.stats import NodeStats

R = TypeVar("R")


class Disconnected(Struct, frozen=True):
    """How many connections were told to close, by ``nodes`` of the ``known`` ones: the others did not answer."""

    disconnected: int
    nodes: int
    known: int


class Notified(Struct, frozen=True):
    """How many connections were sent the notice, by ``nodes`` of the ``known`` ones: the others did not answer."""

    notified: int
    nodes: int
    known: int


class NodeEntry(Struct, frozen=True):
    """One node of the deployment, ``self``: the one that was called."""

    node: str
    version: str
    is_self: bool = field(name="self")
    connections: int
    users: int
    uptime_s: float
    heard_s: float
    """Seconds since it was heard of."""
    figures: NodeStats | None
    """``None``: it did not answer in time; the fields above are what it said last."""


class DeploymentStats(NodeStats, frozen=True, kw_only=True):
    """The figures of the node that was called, and of all nodes, this one first."""

    nodes: list[NodeEntry]


class DeviceConnection(Struct, frozen=True):
    """One connection of a user's device, to ``node``."""

    connection_id: str
    device_id: str
    connected_at: str
    """RFC 3339, UTC."""
    node: str


class UserCollection(Struct, frozen=True, omit_defaults=True):
    """One of a user's collections, and its last revision; ``name``: what people are shown, of a list."""

    collection: str
    revision: int
    name: str | None = None


class UserDevice(Struct, frozen=True, omit_defaults=True):
    """One of a user's known devices, and to which nodes it is connected: none, it is offline."""

    device_id: str
    nodes: tuple[str, ...]
    last_seen: str
    """When it came or went last; RFC 3339, UTC."""
    device_name: str | None = None


class UserConnections(Struct, frozen=True, omit_defaults=True):
    """A user's connections to the ``nodes`` that answered, oldest first; ``left_out``: how many more there are.

    What the database has of the user is ``None`` while it cannot be read.
    """

    user_id: str
    connections: list[DeviceConnection]
    left_out: int
    nodes: int
    known: int
    collections: list[UserCollection] | None = None
    devices: list[UserDevice] | None = None


class NodeUser(Struct, frozen=True):
    """A user who has ``connections`` to the node."""

    user_id: str
    connections: int


class NodeUsers(Struct, frozen=True):
    """The users with a connection to ``node``, longest connected first; ``left_out``: how many more there are."""

    node: str
    users: list[NodeUser]
    left_out: int


def results_of(kind: type[R], answers: Answers) -> list[tuple[str, R]]:
    """Return the nodes that answered with a ``kind``, and what they did."""
    return [(node, result) for node, result in answers.results.items() if isinstance(result, kind)]


def deployment_stats(own: NodeStats, answers: Answers) -> DeploymentStats:
    """Return the figures of the node that was called, with those of all."""
    figures = {node: _figures(read) for node, read in results_of(FiguresRead, answers)}
    here = NodeEntry(own.node, own.version, True, own.connections, own.users, own.uptime_s, 0.0, own)
    others = [_entry(peer, figures.get(peer.node)) for peer in sorted(answers.peers, key=lambda peer: peer.node)]
    return DeploymentStats(**structs.asdict(own), nodes=[here, *others])


def user_connections(
    user_id: str, answers: Answers, lists: Lists | ReadFailed, devices: Devices | ReadFailed
) -> UserConnections:
    """Return a user's connections to all nodes that answered, and what the database has of the user."""
    found = results_of(UserFound, answers)
    connections = sorted(_connections(found), key=lambda connection: connection.connected_at)
    left_out = sum(user.left_out for _, user in found)
    return UserConnections(
        user_id,
        connections,
        left_out,
        len(found),
        answers.known,
        None if isinstance(lists, ReadFailed) else list(_collections(lists)),
        None if isinstance(devices, ReadFailed) else [_device(device) for device in devices.devices],
    )


def node_users(node: str, listed: UsersListed) -> NodeUsers:
    """Return the users of one node."""
    return NodeUsers(node, [NodeUser(user.user_id, user.connections) for user in listed.users], listed.left_out)


def _figures(read: FiguresRead) -> NodeStats | None:
    try:
        return msgspec.json.decode(read.figures, type=NodeStats)
    except msgspec.DecodeError:  # of a release that has other figures
        return None


def _entry(peer: PeerNode, figures: NodeStats | None) -> NodeEntry:
    if figures is None:
        uptime_s, heard_s = float(peer.uptime_s), round(peer.heard_s, 1)
        return NodeEntry(peer.node, peer.version, False, peer.connections, peer.users, uptime_s, heard_s, None)
    connections, users = figures.connections, figures.users
    return NodeEntry(peer.node, peer.version, False, connections, users, figures.uptime_s, 0.0, figures)


def _collections(lists: Lists) -> Iterator[UserCollection]:
    yield UserCollection(WATCHLIST, lists.watchlist)
    yield UserCollection(PROGRESS, lists.progress)
    for one in lists.lists:
        yield UserCollection(collection_of_list(one.list), one.revision, one.name)


def _device(device: KnownDevice) -> UserDevice:
    return UserDevice(device.device_id, device.nodes, time_text(device.last_seen_ms), device.fields.device_name)


def _connections(found: list[tuple[str, UserFound]]) -> Iterator[DeviceConnection]:
    for node, user in found:
        for connection in user.connections:
            yield _connection(node, connection)


def _connection(node: str, connection: FoundConnection) -> DeviceConnection:
    connected_at = datetime.fromtimestamp(connection.connected_at, UTC).isoformat()
    return DeviceConnection(connection.connection_id, connection.device_id, connected_at, node)
