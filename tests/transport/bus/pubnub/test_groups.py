from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.errors import BusUnavailable, MessageRefused
from pubnub_broker.faults import Fault, FaultRules
from transport.bus.pubnub.bus import PubNubSettings
from transport.bus.pubnub.client import build_client

Until = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_groups_bring_what_any_node_publishes(pubnub_engine: Any) -> None:
    users = ("u1", "u2", "u3", "u4", "one+two@example.org")
    first, first_inbox = await pubnub_engine.node(*users, channel_groups=3)
    second, second_inbox = await pubnub_engine.node(*users, channel_groups=3)
    for number, user_id in enumerate(users):
        publisher = (first, second)[number % 2]
        await publisher.publish(user_id, b"%d" % number)
        assert await first_inbox.message() == (user_id, number)
        assert await second_inbox.message() == (user_id, number)


async def test_what_a_node_says_to_all_comes_through_one_group_once(pubnub_engine: Any) -> None:
    first, _ = await pubnub_engine.node(channel_groups=3)
    _, second_inbox = await pubnub_engine.node("u1", channel_groups=3)
    await first.publish_control(b"1")
    await first.publish_control(b"2")
    assert [await second_inbox.said(), await second_inbox.said()] == [1, 2]


async def test_a_channel_is_added_to_its_group_before_its_first_message_and_never_again(pubnub_engine: Any) -> None:
    bus, _ = await pubnub_engine.node(channel_groups=1)
    await bus.publish("u1", b"1")
    works = Fault(probability=0)
    pubnub_engine.broker.faults.set(FaultRules(all=Fault(answer=500), publish=works, subscribe=works))  # not groups
    await bus.publish("u1", b"2")
    await bus.publish_control(b"3")
    with pytest.raises(BusUnavailable, match="HTTP 500"):
        await bus.publish("u2", b"4")


async def test_canaries_come_back_through_groups(pubnub_engine: Any, until: Until) -> None:
    bus, _ = await pubnub_engine.node(channel_groups=2, canary_interval_s=0.1, canary_timeout_s=5)
    await until(lambda: bus.figures().last_message_age_s > 0.09)
    await until(lambda: bus.figures().last_message_age_s < 0.08)
    assert bus.figures().rebuilds == 0


async def test_a_group_takes_no_more_than_pubnub_allows(pubnub_engine: Any) -> None:
    bus, _ = await pubnub_engine.node(channel_groups=1)
    client = build_client(pubnub_engine.settings())
    channels = [f"user.{number}.sync" for number in range(1_998)]  # and the canary's, and the nodes'
    await client.add_channel_to_channel_group().channel_group("syncd-0").channels(channels).result()
    await client.stop()
    await bus.publish("7", b"1")
    with pytest.raises(MessageRefused, match="full"):
        await bus.publish("newcomer", b"1")


@pytest.mark.parametrize("count", [-1, 11])
def test_groups_beyond_what_a_client_may_have_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="channel_groups"):
        PubNubSettings(subscribe_key="sub", publish_key="pub", channel_groups=count)
