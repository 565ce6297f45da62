"""A node's end of PubNub is made of one that publishes and one that subscribes: what it tells of both."""

from typing import Any

import pytest

from actors.errors import BusUnavailable


async def test_users_are_subscribed_and_unsubscribed_and_counted(pubnub_engine: Any) -> None:
    bus, _ = await pubnub_engine.node("ann", "bob", "ann")
    assert bus.figures().subscribed == 2
    bus.unsubscribe("ann")
    bus.unsubscribe("nobody")
    assert bus.figures().subscribed == 1


async def test_what_is_for_others_and_what_it_says_itself_are_counted_apart(pubnub_engine: Any) -> None:
    sender, _ = await pubnub_engine.node()
    bus, inbox = await pubnub_engine.node("ann")
    await sender.publish("bob", b'{"origin":"there","revision":1}')
    await bus.publish("ann", b'{"origin":"here","revision":1}')
    await sender.publish("ann", b'{"origin":"there","revision":2}')
    assert await inbox.message() == ("ann", {"origin": "there", "revision": 2})
    figures = bus.figures()
    assert (figures.elsewhere, figures.echoes, figures.doubles, figures.malformed) == (1, 1, 0, 0)
    assert figures.last_message_age_s >= 0


async def test_its_status_is_the_trouble_of_either_end_and_none_after_it(pubnub_engine: Any) -> None:
    bus, _ = await pubnub_engine.node()
    assert bus.status() is None
    with pubnub_engine.broker.faults.answering(500, "publish"):
        with pytest.raises(BusUnavailable):
            await bus.publish("ann", b"{}")
        assert str(bus.status()).startswith("HTTP 500")
    await bus.publish("ann", b"{}")
    assert bus.status() is None
