"""What one node does on an operator's command, with a real registry."""

from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.fanout.connection_registry import ConnectionRegistry
from actors.messages.close_codes import DISCONNECTED
from actors.messages.connection import ConnectionInfo, Disconnect
from actors.messages.control import Answered as AnsweredBy
from actors.messages.control import (
    ConnectionsClosed,
    ConnectionsNotified,
    ControlMessage,
    DisconnectUser,
    FiguresRead,
    FindUser,
    FoundConnection,
    ListedUser,
    ListUsers,
    LookForRevocations,
    ReadFigures,
    ShowNotice,
    UserFound,
    UsersListed,
)
from actors.messages.fanout import RegisterConnection
from actors.metrics import BroadcastMetrics, RegistryMetrics
from actors.tracing import untraced
from syncd.local_commands import MAX_LISTED, LocalCommands
from tests.actors.conftest import Started, started
from tests.fakes.devices import Devices
from tests.wire_samples.meanings import STATS

__all__ = ["started"]

PUBNUB_LIMIT_BYTES = 32 * 1024


class Node:
    """One node's registry and what acts on it."""

    def __init__(self, registry: ActorRef[ConnectionRegistry], devices: Devices) -> None:
        self._registry = registry
        self._devices = devices
        self.act = LocalCommands(registry, self._look, lambda: STATS).act

    async def _look(self) -> int:
        return 7

    def join(self, connection_id: str, user_id: str, device_id: str, connected_at: int = 0) -> None:
        told = self._devices.connection(connection_id).tell
        self._registry.tell(RegisterConnection(ConnectionInfo(connection_id, user_id, device_id, told, connected_at)))

    def told(self, connection_id: str) -> list[Any]:
        return self._devices.told[connection_id]


@pytest.fixture
async def node(started: Started) -> Node:
    devices = Devices()
    registry = ConnectionRegistry.start(devices.encode, RegistryMetrics(), BroadcastMetrics(), untraced())
    return Node(started(registry), devices)


async def test_a_user_is_disconnected_from_one_device_or_all(node: Node) -> None:
    for connection_id, user_id, device_id in (("1", "ann", "tv"), ("2", "ann", "phone"), ("3", "bob", "tv")):
        node.join(connection_id, user_id, device_id)
    assert await node.act(DisconnectUser("ann", "phone")) == ConnectionsClosed(1)
    assert await node.act(DisconnectUser("ann", "fridge")) == ConnectionsClosed(0)
    assert [len(node.told(each)) for each in "123"] == [0, 1, 0]
    (told,) = node.told("2")
    assert isinstance(told, Disconnect)
    assert told.close == DISCONNECTED
    assert await node.act(DisconnectUser("ann")) == ConnectionsClosed(2)
    assert node.told("3") == []


async def test_a_notice_is_shown_to_everybody(node: Node) -> None:
    node.join("1", "ann", "tv")
    node.join("2", "bob", "tv")
    assert await node.act(ShowNotice("Back at five.", "warning")) == ConnectionsNotified(2)
    (delivery,) = node.told("1")
    expected = {"type": "notice", "message": "Back at five.", "level": "warning"}
    assert msgspec.json.decode(delivery.frames[0]) == expected


async def test_revocations_are_looked_for_and_figures_read(node: Node) -> None:
    assert await node.act(LookForRevocations()) == ConnectionsClosed(7)
    read = await node.act(ReadFigures())
    assert isinstance(read, FiguresRead)
    assert msgspec.json.decode(read.figures, type=type(STATS)) == STATS


async def test_a_user_is_found_with_every_connection(node: Node) -> None:
    assert await node.act(FindUser("ann")) == UserFound(())
    node.join("1", "ann", "tv", connected_at=1_764_000_000)
    assert await node.act(FindUser("ann")) == UserFound((FoundConnection("1", "tv", 1_764_000_000),))


async def test_users_are_listed_with_the_number_of_their_connections(node: Node) -> None:
    for connection_id, user_id in (("1", "ann"), ("2", "bob"), ("3", "ann")):
        node.join(connection_id, user_id, "tv")
    assert await node.act(ListUsers()) == UsersListed((ListedUser("ann", 2), ListedUser("bob", 1)))


async def test_what_a_list_has_no_room_for_is_counted(node: Node) -> None:
    for number in range(MAX_LISTED + 5):
        node.join(str(number), "ann", f"tv-{number}")
        node.join(f"of {number}", f"user {number}", "tv")
    found, listed = await node.act(FindUser("ann")), await node.act(ListUsers())
    assert isinstance(found, UserFound)
    assert isinstance(listed, UsersListed)
    assert (len(found.connections), found.left_out) == (MAX_LISTED, 5)
    assert (len(listed.users), listed.left_out) == (MAX_LISTED, 6)


@pytest.mark.parametrize("character", ["x", "ü", "日", "🎬"])
async def test_the_longest_names_fit_into_a_message_of_every_engine(node: Node, character: str) -> None:
    for number in range(MAX_LISTED):
        name = f"{number:03}{character * 125}"
        node.join(f"{number:036}", "ann", name)
        node.join(f"of {number}", name, "tv")
    for command in (FindUser("ann"), ListUsers()):
        body = AnsweredBy("0" * 16, await node.act(command))
        message = ControlMessage(id="0" * 16, origin="0" * 8, sent_ms=1_764_000_000_000, to="0" * 8, body=body)
        size_bytes = len(ascii(msgspec.to_builtins(message)))
        assert size_bytes < PUBNUB_LIMIT_BYTES - 200
        assert isinstance(body.result, UserFound | UsersListed)
        assert body.result.left_out < MAX_LISTED
