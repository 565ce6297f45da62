"""What several nodes have answered, as one answer to the operator."""

from typing import Any

import msgspec

from actors.messages.control import (
    ConnectionsClosed,
    FiguresRead,
    FoundConnection,
    ListedUser,
    UserFound,
    UsersListed,
)
from actors.messages.deployment import Answers, PeerNode
from actors.messages.devices import Devices, KnownDevice, KnownFields
from actors.messages.failures import ReadFailed
from actors.messages.lists import Lists, ListSummary
from tests.wire_samples.meanings import STATS
from transport.http.routes.admin_answers import (
    DeviceConnection,
    NodeUser,
    NodeUsers,
    UserCollection,
    UserDevice,
    deployment_stats,
    node_users,
    results_of,
    user_connections,
)

OTHER = msgspec.structs.replace(STATS, node="b", connections=9, uptime_s=60.5)


def answers(results: dict[str, Any], *peers: PeerNode) -> Answers:
    return Answers("a", results, known=3, peers=peers)


def figures(stats: Any) -> FiguresRead:
    return FiguresRead(msgspec.json.encode(stats).decode())


def test_only_results_of_the_kind_that_was_asked_for_count() -> None:
    closed = ConnectionsClosed(2)
    assert results_of(ConnectionsClosed, answers({"a": closed, "b": UserFound(())})) == [("a", closed)]


def test_stats_are_of_the_node_that_was_called_and_of_all_in_order() -> None:
    peers = (PeerNode("c", "0.2.0", 7, 5, 60, 4.56), PeerNode("b", "0.1.0", 8, 4, 55, 2.0))
    told = deployment_stats(STATS, answers({"a": figures(STATS), "b": figures(OTHER)}, *peers))
    assert (told.node, told.connections, told.bus) == (STATS.node, STATS.connections, STATS.bus)
    own, second, third = told.nodes
    assert (own.node, own.is_self, own.figures) == (STATS.node, True, STATS)
    assert (second.node, second.is_self, second.connections, second.heard_s) == ("b", False, 9, 0.0)
    assert second.figures == OTHER
    assert (third.node, third.version, third.connections, third.users) == ("c", "0.2.0", 7, 5)
    assert (third.uptime_s, third.heard_s, third.figures) == (60.0, 4.6, None)
    assert msgspec.to_builtins(third)["self"] is False


def test_figures_of_a_release_that_has_others_count_as_no_answer() -> None:
    for unreadable in (FiguresRead("{}"), FiguresRead("nonsense")):
        told = deployment_stats(STATS, answers({"b": unreadable}, PeerNode("b", "9.0.0", 8, 4, 55, 2.0)))
        assert told.nodes[1].figures is None


def test_a_users_connections_to_all_nodes_are_in_one_list_oldest_first() -> None:
    here = UserFound((FoundConnection("1", "tv", 100), FoundConnection("2", "phone", 300)), left_out=1)
    there = UserFound((FoundConnection("3", "pad", 200),), left_out=2)
    told = user_connections("ann", answers({"a": here, "b": there}), ReadFailed("away"), ReadFailed("away"))
    assert [(each.device_id, each.node) for each in told.connections] == [("tv", "a"), ("pad", "b"), ("phone", "a")]
    assert told.connections[0] == DeviceConnection("1", "tv", "1970-01-01T00:01:40+00:00", "a")
    assert (told.user_id, told.left_out, told.nodes, told.known) == ("ann", 3, 2, 3)
    assert (told.collections, told.devices) == (None, None)  # nobody can say


def test_what_the_database_has_of_a_user_is_told_beside_the_connections() -> None:
    lists = Lists(epoch="e", watchlist=7, progress=0, lists=(ListSummary(list="kids", name="Kids", revision=3),))
    fields = KnownFields(device_name="Living room")
    tv = KnownDevice(device_id="tv", fields=fields, last_seen_ms=1_500, nodes=("a", "b"))
    told = user_connections("ann", answers({}), lists, Devices((tv,)))
    assert told.collections == [
        UserCollection("watchlist", 7), UserCollection("progress", 0), UserCollection("list:kids", 3, "Kids"),
    ]  # fmt: skip
    assert told.devices == [UserDevice("tv", ("a", "b"), "1970-01-01T00:00:01.500+00:00", "Living room")]


def test_the_users_of_a_node_are_as_it_listed_them() -> None:
    listed = UsersListed((ListedUser("ann", 2), ListedUser("bob", 1)), 7)
    assert node_users("b", listed) == NodeUsers("b", [NodeUser("ann", 2), NodeUser("bob", 1)], 7)
