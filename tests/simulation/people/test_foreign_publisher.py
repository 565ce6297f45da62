"""A foreign publisher removes what it has seen, by the tags that it has seen."""

import asyncio
from random import Random
from typing import Any

import msgspec

from actors.ports import BusListener
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.judges.witness import Witness
from simulation.outside.bus import Hub
from simulation.outside.network import Delay
from simulation.people.foreign_publisher import ForeignPublisher


class Published:
    """A publisher, and what a node hears of it."""

    def __init__(self) -> None:
        self.loop = SimulatedLoop()
        self.heard: list[dict[str, Any]] = []
        log, self.witness = EventLog(self.loop.time), Witness()
        self.hub = Hub(Random(1), Delay(Random(1), 0.001, 0.01), log, "pubnub")
        self.bus = self.hub.bus(self.loop)
        self.publisher = ForeignPublisher(Random(1), log, self.hub, self.witness)
        listener = BusListener(
            node="node",
            on_message=lambda *_: None,
            on_gap=lambda _: None,
            on_subscribed=lambda _: None,
            on_foreign=lambda user_id, payload: self.heard.append({**msgspec.json.decode(payload), "user_id": user_id}),
        )
        self.loop.run_until_complete(self.bus.start(listener))

    def publish(self, operation: str, tag: str, kind: str = "watchlist_update") -> None:
        """Let a node publish."""
        update = {"type": kind, "operation": operation, "content_id": "a", "unique_tag": tag}
        self.loop.run_until_complete(self.bus.publish("ann", msgspec.json.encode(update)))

    def hear(self) -> list[dict[str, Any]]:
        """Return what the node has heard since, and forget it."""
        self.loop.run_until_complete(asyncio.sleep(60))
        heard, self.heard = self.heard, []
        return heard


def test_it_removes_what_it_has_seen_by_all_tags_that_it_has_seen() -> None:
    published = Published()
    published.publisher.remove("ann")
    assert published.hear() == []
    for tag in ("r:1", "r:2", "r:1"):
        published.publish("add", tag)
    published.publisher.remove("bob")
    published.publisher.remove("ann")
    (heard,) = published.hear()
    assert (heard["user_id"], heard["operation"], heard["content_id"]) == ("ann", "remove", "a")
    assert heard["unique_tags"] == ["r:1", "r:2"]
    assert published.witness.foreign_removes == {("ann", "a"): [frozenset({"r:1", "r:2"})]}
    published.publish("remove", "r:2")
    published.publisher.remove("ann")
    assert published.hear() == []
    published.loop.sweep_up()


def test_it_knows_nothing_any_more_when_it_has_begun_again() -> None:
    published = Published()
    published.publish("add", "r:1")
    published.publisher.forget()
    published.publisher.remove("ann")
    assert published.hear() == []
    published.loop.sweep_up()


def test_its_adds_have_tags_of_their_own() -> None:
    published = Published()
    published.publisher.add("ann", "a")
    published.publisher.add("ann", "a")
    tags = [heard["unique_tag"] for heard in published.hear()]
    assert len(set(tags)) == 2
    assert published.witness.foreign == {("ann", tag): "a" for tag in tags}
    published.loop.sweep_up()


def test_what_is_added_to_another_list_is_none_of_its_business() -> None:
    published = Published()
    published.publish("add", "t1", "list_update")
    published.loop.run_until_complete(published.bus.publish("ann", b'{"type":"head_moved","revision":1}'))
    published.publisher.remove("ann")
    assert published.hear() == []
    published.loop.sweep_up()
