import asyncio
from typing import Any

import msgspec
import pytest

from actors.errors import BusUnavailable, MessageRefused

MESSAGE = {
    "type": "watchlist_update",
    "operation": "add",
    "revision": 7,
    "text": 'Ünïcode, % and / and "quotes"',
    "n": 1.5,
}
PAYLOAD = msgspec.json.encode(MESSAGE)


async def test_a_message_reaches_every_started_bus_its_publisher_included(engine: Any) -> None:
    first, first_inbox = await engine.node()
    _, second_inbox = await engine.node()
    await first.publish("u1", PAYLOAD)
    assert await first_inbox.message() == ("u1", MESSAGE)
    assert await second_inbox.message() == ("u1", MESSAGE)


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
    bus, inbox = await engine.node()
    await bus.publish(user_id, PAYLOAD)
    assert await inbox.message() == (user_id, MESSAGE)


async def test_many_messages_at_once_all_arrive(engine: Any) -> None:
    bus, inbox = await engine.node()
    await asyncio.gather(*(bus.publish(f"u{number}", b"%d" % number) for number in range(90)))
    arrived = [await inbox.message() for _ in range(90)]
    assert sorted(arrived) == sorted((f"u{number}", number) for number in range(90))


async def test_a_message_near_the_limit_arrives(engine: Any) -> None:
    bus, inbox = await engine.node()
    payload = msgspec.json.encode({"text": 'ab %/"' * 4_000})
    await bus.publish("u1", payload)
    assert await inbox.message() == ("u1", msgspec.json.decode(payload))


async def test_a_message_that_is_too_large_is_refused_and_the_next_one_is_not(engine: Any) -> None:
    bus, inbox = await engine.node()
    with pytest.raises(MessageRefused):
        await bus.publish("u1", engine.too_large)
    await bus.publish("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)
    assert bus.status() is None


async def test_an_outage_is_told_to_publishers_and_its_end_to_subscribers(engine: Any) -> None:
    first, first_inbox = await engine.node()
    _, second_inbox = await engine.node()
    await engine.stop()
    with pytest.raises(BusUnavailable):
        await first.publish("u1", PAYLOAD)
    assert first.status() is not None

    await engine.resume()
    await first_inbox.gap()
    await second_inbox.gap()
    await first.publish("u2", PAYLOAD)
    assert await first_inbox.message() == ("u2", MESSAGE)
    assert await second_inbox.message() == ("u2", MESSAGE)
    assert first.status() is None


async def test_a_bus_that_starts_in_an_outage_works_after_it(engine: Any) -> None:
    await engine.stop()
    bus, inbox = await engine.node(is_up=False)
    with pytest.raises(BusUnavailable):
        await bus.publish("u1", PAYLOAD)
    await engine.resume()
    await inbox.gap()
    await bus.publish("u1", PAYLOAD)
    assert await inbox.message() == ("u1", MESSAGE)


async def test_a_subscriber_that_starts_anew_takes_over(engine: Any) -> None:
    bus, old_inbox = await engine.node()
    other, new_inbox = await engine.node()
    await other.close()
    await bus.start(new_inbox.on_message, new_inbox.on_gap)
    await bus.publish("u1", PAYLOAD)
    assert await new_inbox.message() == ("u1", MESSAGE)
    assert old_inbox.messages.empty()


async def test_a_closed_bus_is_silent_and_closes_again(engine: Any) -> None:
    closed, closed_inbox = await engine.node()
    bus, inbox = await engine.node()
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
