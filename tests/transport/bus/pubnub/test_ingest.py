"""Which of PubNub's messages a node decodes: those of users who are active on it."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from actors.ports import BusListener
from transport.bus.pubnub.ingest import REMEMBERED, Ingester
from transport.bus.pubnub.polls import Envelope, Published

UPDATE = {"type": "watchlist_update", "revision": 7, "origin": "there"}
WRITE = {"type": "watchlist_update"}
HANDOFF = {"type": "device_handoff"}


class Node:
    """A node that subscribes to ``ann``, and what it is told."""

    def __init__(self, *, takes_foreign: bool) -> None:
        self.messages: list[tuple[str, Any]] = []
        self.foreign: list[tuple[str, Any]] = []
        self.control: list[Any] = []
        self.ingester = Ingester()
        self.ingester.users.add("ann")
        self.ingester.listener = BusListener(
            node="here",
            on_message=lambda user_id, payload: self.messages.append((user_id, msgspec.json.decode(payload))),
            on_gap=pytest.fail,
            on_subscribed=lambda user_ids: pytest.fail(str(user_ids)),
            on_foreign=(lambda user_id, payload: self.foreign.append((user_id, msgspec.json.decode(payload))))
            if takes_foreign
            else None,
            on_control=lambda payload: self.control.append(msgspec.json.decode(payload)),
        )

    def ingest(self, channel: str, message: Any, timetoken: int = 1) -> None:
        payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self.ingester.ingest([Envelope(channel, Published(timetoken), Raw(payload))])


@pytest.fixture(params=[False, True], ids=["nodes only", "foreign too"])
def node(request: pytest.FixtureRequest) -> Node:
    return Node(takes_foreign=request.param)


@pytest.fixture
def taker() -> Node:
    return Node(takes_foreign=True)


def test_a_subscribed_users_update_is_passed_on_as_it_is_and_anothers_counted(node: Node) -> None:
    node.ingest("user.ann.sync", UPDATE)
    node.ingest("user.bob.sync", UPDATE)
    assert (node.messages, node.foreign) == ([("ann", UPDATE)], [])
    assert node.ingester.elsewhere == 1


def test_without_foreign_writes_a_message_of_somebody_else_is_not_even_peeked_into() -> None:
    node = Node(takes_foreign=False)
    node.ingest("user.bob.sync", b"this is not JSON")
    assert (node.messages, node.ingester.elsewhere, node.ingester.malformed) == ([], 1, 0)


@pytest.mark.parametrize("message", [UPDATE, {"type": "head_moved", "revision": 9}])
def test_a_nodes_own_message_is_dropped_by_its_origin(node: Node, message: dict[str, Any]) -> None:
    node.ingest("user.ann.sync", {**message, "origin": "here"})
    assert (node.messages, node.foreign, node.ingester.echoes) == ([], [], 1)


def test_what_nodes_say_to_all_is_passed_on_once_and_what_this_one_says_is_an_echo(node: Node) -> None:
    said = {"id": "1", "origin": "there"}
    node.ingest("user.=control.sync", said)
    node.ingest("user.=control.sync", said)  # doubled
    node.ingest("user.=control.sync", said | {"origin": "here"}, 2)
    node.ingest("user.=control.sync", WRITE, 3)
    assert (node.control, node.messages, node.foreign) == ([said, WRITE], [], [])
    assert (node.ingester.doubles, node.ingester.echoes, node.ingester.malformed) == (1, 1, 0)


def test_a_foreign_write_is_taken_once_whoever_its_user_is(taker: Node) -> None:
    taker.ingest("user.ann.sync", WRITE, 1)
    taker.ingest("user.bob.sync", WRITE, 2)
    assert (taker.messages, taker.foreign) == ([], [("ann", WRITE), ("bob", WRITE)])


def test_what_is_no_write_goes_to_those_who_subscribe_to_its_user(taker: Node) -> None:
    taker.ingest("user.ann.sync", HANDOFF)
    assert (taker.messages, taker.foreign) == ([("ann", HANDOFF)], [])


@pytest.mark.parametrize("rubbish", [[1, 2], "text", {"type": 7}, {"type": "watchlist_update", "revision": "x"}])
def test_rubbish_is_left_to_be_counted_once_by_whoever_decodes_it(taker: Node, rubbish: Any) -> None:
    taker.ingest("user.ann.sync", rubbish, 1)
    taker.ingest("user.bob.sync", rubbish, 2)
    assert (taker.messages, taker.foreign) == ([("ann", rubbish)], [("bob", rubbish)])


def test_who_is_no_longer_subscribed_is_somebody_else(node: Node) -> None:
    node.ingester.users.discard("ann")
    node.ingest("user.ann.sync", UPDATE)
    assert (node.messages, node.ingester.elsewhere) == ([], 1)


def test_the_memory_for_doubles_is_bounded(node: Node) -> None:
    for timetoken in (*range(REMEMBERED + 1), REMEMBERED, 1, 0):
        node.ingest("user.ann.sync", UPDATE, timetoken)
    assert len(node.messages) == REMEMBERED + 2  # the oldest was forgotten, the others were not
    assert node.ingester.doubles == 2
