import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from actors.errors import BusUnavailable, MessageRefused
from tests.timeouts import TIMEOUT_S
from tests.transport.bus.conftest import MemoryEngine

Until = Callable[[Callable[[], bool]], Awaitable[None]]

MESSAGE = {
    "type": "watchlist_update",
    "operation": "add",
    "revision": 7,
    "text": 'Ünïcode, % and / and "quotes"',
    "n": 1.5,
}
PAYLOAD = msgspec.json.encode(MESSAGE)


FOREIGN = {name: value for name, value in MESSAGE.items() if name != "revision"}


async def test_a_message_reaches_every_other_node_that_subscribes_to_its_user(engine: Any) -> None:
    sender, _ = await engine.node()
    _, first = await engine.node("u1")
    _, second = await engine.node("u1", "u2")
    await sender.publish("u1", PAYLOAD)
    assert await first.message() == ("u1", MESSAGE)
    assert await second.message() == ("u1", MESSAGE)


async def test_a_message_of_a_user_nobody_subscribes_to_is_not_delivered(engine: Any) -> None:
    sender, inbox = await engine.pair("u2")
    await sender.publish("u1", PAYLOAD)
    await sender.publish("u2", PAYLOAD)
    assert await inbox.message() == ("u2", MESSAGE)
    assert inbox.messages.empty()


async def test_a_node_may_subscribe_to_a_user_and_unsubscribe_at_any_time(engine: Any) -> None:
    sender, _ = await engine.node()
    bus, inbox = await engine.node("u2")
    bus.subscribe("u1")
    await _subscribed(engine, inbox, ("u1",))
    assert bus.figures().subscribed == 2
    await sender.publish("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)

    bus.unsubscribe("u1")
    await sender.publish("u1", PAYLOAD)
    await sender.publish("u2", PAYLOAD)
    assert await inbox.message() == ("u2", MESSAGE)
    assert inbox.messages.empty()
    assert bus.figures().subscribed == 1

    bus.subscribe("u1")
    await _subscribed(engine, inbox, ("u1",))
    await sender.publish("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)


async def _subscribed(engine: Any, inbox: Any, user_ids: tuple[str, ...]) -> None:
    """Wait until the bus says so: NATS does, the others deliver at once."""
    if engine.tells_subscribed:
        async with asyncio.timeout(TIMEOUT_S):
            assert await inbox.subscribed.get() == user_ids
    assert inbox.subscribed.empty()


async def test_users_who_came_and_went_during_an_outage_are_right_after_it(engine: Any, until: Until) -> None:
    sender, sender_inbox = await engine.node()
    bus, inbox = await engine.node("u1", "u2")
    await engine.stop()
    await until(lambda: None not in (sender.status(), bus.status()))
    bus.unsubscribe("u1")
    bus.subscribe("u3")
    await engine.resume()
    await sender_inbox.gap()
    await inbox.gap()
    for user_id in ("u1", "u2", "u3"):
        await sender.publish(user_id, PAYLOAD)
    assert sorted([await inbox.message() for _ in range(2)]) == [("u2", MESSAGE), ("u3", MESSAGE)]
    assert inbox.messages.empty()


async def test_what_may_be_a_foreign_write_is_told_whoever_its_user_is(engine: Any) -> None:
    publisher, _ = await engine.node()
    _, first = await engine.node(takes_foreign=True)
    _, second = await engine.node(takes_foreign=True)
    for number in range(20):
        await publisher.publish(f"u{number}", msgspec.json.encode(FOREIGN))
        await publisher.publish(f"u{number}", PAYLOAD)  # a node's
    taken: set[str] = set()
    async with asyncio.timeout(TIMEOUT_S):
        while len(taken) < 20:
            for inbox in (first, second):
                while not inbox.foreign.empty():
                    user_id, message = inbox.foreign.get_nowait()
                    assert message == FOREIGN
                    taken.add(user_id)
            await asyncio.sleep(0.005)
    assert (first.messages.empty(), second.messages.empty()) == (True, True)


async def test_what_devices_say_to_each_other_reaches_who_subscribes_to_their_user(engine: Any) -> None:
    sender, _ = await engine.node()
    _, inbox = await engine.node("u1")
    await sender.publish_to_devices("u2", PAYLOAD)
    await sender.publish_to_devices("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)
    assert inbox.messages.empty()


async def test_what_a_node_says_to_all_reaches_every_other_node_that_listens(engine: Any) -> None:
    sender, _ = await engine.node()
    _, first = await engine.node()
    _, second = await engine.node("u1", takes_foreign=True)
    deaf, deaf_inbox = await engine.node("=control", is_deaf=True, takes_foreign=True)
    await sender.publish_control(PAYLOAD)
    await sender.publish("u1", PAYLOAD)
    assert [await first.said(), await second.said()] == [MESSAGE, MESSAGE]
    assert await second.message() == ("u1", MESSAGE)
    await sender.publish("=control", PAYLOAD)  # whoever is called so is a user like others
    assert await deaf_inbox.message() == ("=control", MESSAGE)
    assert [inbox.control.empty() for inbox in (first, second, deaf_inbox)] == [True, True, True]
    assert (second.foreign.empty(), deaf_inbox.foreign.empty(), deaf.figures().malformed) == (True, True, 0)


async def test_what_a_node_says_to_all_is_refused_as_its_other_messages_are(engine: Any) -> None:
    bus, own_inbox = await engine.node()
    _, inbox = await engine.node()
    with pytest.raises(MessageRefused):
        await bus.publish_control(engine.too_large)
    await engine.stop()
    with pytest.raises(BusUnavailable):
        await bus.publish_control(PAYLOAD)
    await engine.resume()
    await inbox.gap()
    await own_inbox.gap()
    await bus.publish_control(PAYLOAD)
    assert await inbox.said() == MESSAGE


async def test_a_node_does_not_hear_itself(engine: Any) -> None:
    bus, inbox = await engine.node("u1")
    other, _ = await engine.node()
    await bus.publish("u1", msgspec.json.encode({**MESSAGE, "origin": "here"}))
    await other.publish("u1", msgspec.json.encode({**MESSAGE, "origin": "there"}))
    assert (await inbox.message())[1]["origin"] == "there"


@pytest.mark.parametrize(
    "user_id",
    [
        "a.b",
        "a,b:c/d\\e*f",
        "*",
        ">",
        "auth0|5f7c8ec7",
        "one+two@example.org",
        "two words",
        "50%25",
        "=2E",
        "日本語",
        "émile",
        "~-_",
    ],
)
async def test_a_message_arrives_for_the_user_it_was_published_for(engine: Any, user_id: str) -> None:
    bus, inbox = await engine.pair(user_id)
    await bus.publish(user_id, PAYLOAD)
    assert await inbox.message() == (user_id, MESSAGE)


async def test_many_messages_at_once_all_arrive(engine: Any) -> None:
    bus, inbox = await engine.pair(*(f"u{number}" for number in range(90)))
    await asyncio.gather(*(bus.publish(f"u{number}", b"%d" % number) for number in range(90)))
    arrived = [await inbox.message() for _ in range(90)]
    assert sorted(arrived) == sorted((f"u{number}", number) for number in range(90))


async def test_a_message_near_the_limit_arrives(engine: Any) -> None:
    bus, inbox = await engine.pair("u1")
    payload = msgspec.json.encode({"text": 'ab %/"' * 4_000})
    await bus.publish("u1", payload)
    assert await inbox.message() == ("u1", msgspec.json.decode(payload))


async def test_a_message_that_is_too_large_is_refused_and_the_next_one_is_not(engine: Any) -> None:
    bus, inbox = await engine.pair("u1")
    with pytest.raises(MessageRefused):
        await bus.publish("u1", engine.too_large)
    await bus.publish("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)
    assert bus.status() is None


async def test_an_outage_is_told_to_publishers_and_its_end_to_subscribers(engine: Any) -> None:
    first, first_inbox = await engine.node()
    _, second_inbox = await engine.node("u2")
    await engine.stop()
    with pytest.raises(BusUnavailable):
        await first.publish("u1", PAYLOAD)
    assert first.status() is not None

    await engine.resume()
    await first_inbox.gap()
    await second_inbox.gap()
    await first.publish("u2", PAYLOAD)
    assert await second_inbox.message() == ("u2", MESSAGE)
    assert first.status() is None


async def test_a_bus_that_starts_in_an_outage_works_after_it(engine: Any) -> None:
    await engine.stop()
    bus, bus_inbox = await engine.node(is_up=False)
    _, inbox = await engine.node("u1", is_up=False)
    with pytest.raises(BusUnavailable):
        await bus.publish("u1", PAYLOAD)
    await engine.resume()
    await bus_inbox.gap()
    await inbox.gap()
    await bus.publish("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)


async def test_a_subscriber_that_starts_again_takes_over(engine: Any) -> None:
    sender, _ = await engine.node()
    bus, old_inbox = await engine.node("u1")
    other, new_inbox = await engine.node()
    await other.close()
    await bus.start(new_inbox.listener())
    if not isinstance(engine, MemoryEngine):  # the old one's end may have been long before
        assert "took over" in await new_inbox.gap()
    await sender.publish("u1", PAYLOAD)
    assert await new_inbox.message() == ("u1", MESSAGE)
    assert old_inbox.messages.empty()


async def test_a_closed_bus_is_silent_and_closes_again(engine: Any) -> None:
    closed, closed_inbox = await engine.node("u1")
    bus, inbox = await engine.pair("u1")
    await closed.close()
    await bus.publish("u1", PAYLOAD)
    await inbox.message()
    assert closed_inbox.messages.empty()
    await closed.close()


async def test_a_bus_that_was_never_started_closes(engine: Any) -> None:
    await engine.new_bus().close()


async def test_publishes_under_way_end_when_the_bus_closes(engine: Any) -> None:
    bus, _ = await engine.node()
    publishes = [asyncio.create_task(bus.publish("u1", PAYLOAD)) for _ in range(20)]
    await asyncio.sleep(0)
    await bus.close()
    for outcome in await asyncio.gather(*publishes, return_exceptions=True):
        assert outcome is None or isinstance(outcome, BusUnavailable)
