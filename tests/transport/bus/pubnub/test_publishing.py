"""Publishing through PubNub's protocol: what is refused for good, what for now, and what is remembered of it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from actors.errors import BusUnavailable, MessageRefused
from transport.bus.channels import MAX_CHANNEL_LENGTH
from transport.bus.pubnub.client import CANARY_CHANNEL
from transport.bus.pubnub.publishing import MAX_GET_BYTES, MAX_MESSAGE_BYTES, PubNubPublishing

CHANNEL = "user.ann.sync"


@pytest.fixture
async def publishing(pubnub_engine: Any) -> AsyncIterator[PubNubPublishing]:
    publishing = PubNubPublishing(pubnub_engine.settings())
    yield publishing
    await publishing.close()


@pytest.mark.parametrize(
    ("channel", "payload", "said"),
    [
        ("c" * (MAX_CHANNEL_LENGTH + 1), b"{}", f"PubNub accepts {MAX_CHANNEL_LENGTH}"),
        (CHANNEL, b"{", "not JSON: "),
        (CHANNEL, b'"\xff"', "not JSON: "),
        (CHANNEL, b'"' + b"x" * MAX_MESSAGE_BYTES + b'"', f"PubNub accepts {MAX_MESSAGE_BYTES}"),
    ],
)
async def test_what_pubnub_can_never_take_is_not_sent(
    publishing: PubNubPublishing, channel: str, payload: bytes, said: str
) -> None:
    with pytest.raises(MessageRefused, match=said):
        await publishing.publish(channel, payload)
    assert publishing.failure is None  # the bus works


@pytest.mark.parametrize("size", [1, MAX_GET_BYTES, 10 * MAX_GET_BYTES])
async def test_a_message_is_taken_in_the_address_or_as_a_body(publishing: PubNubPublishing, size: int) -> None:
    await publishing.publish(CHANNEL, b'"' + b"x" * size + b'"')
    await publishing.send_canary()
    assert publishing.failure is None


async def test_only_what_is_told_to_be_stored_is_in_the_history(
    pubnub_engine: Any, publishing: PubNubPublishing
) -> None:
    await publishing.publish(CHANNEL, b"1")
    await publishing.publish(CHANNEL, b"2", is_stored=False)
    await publishing.send_canary()
    async with httpx.AsyncClient(base_url=pubnub_engine.broker.url) as client:
        histories = [await client.get(f"/v2/history/sub-key/sub/channel/{name}") for name in (CHANNEL, CANARY_CHANNEL)]
    assert [history.json()[0] for history in histories] == [[1], []]


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_what_may_succeed_later_is_the_buss_trouble_until_something_does(
    pubnub_engine: Any, publishing: PubNubPublishing, status: int
) -> None:
    with pubnub_engine.broker.faults.answering(status, "publish"):
        with pytest.raises(BusUnavailable) as refused:
            await publishing.publish(CHANNEL, b"{}")
        assert publishing.failure == str(refused.value)
    await publishing.publish(CHANNEL, b"{}")
    assert publishing.failure is None


async def test_an_answer_that_does_not_come_is_not_waited_for(pubnub_engine: Any) -> None:
    publishing = PubNubPublishing(pubnub_engine.settings(request_timeout_s=0.05))
    with pubnub_engine.broker.faults.hanging("publish"), pytest.raises(BusUnavailable, match="no answer in time"):
        await publishing.publish(CHANNEL, b"{}")
    await publishing.close()


async def test_who_is_closed_publishes_nothing_and_may_be_closed_again(publishing: PubNubPublishing) -> None:
    await publishing.close()
    with pytest.raises(BusUnavailable, match="closed"):
        await publishing.publish(CHANNEL, b"{}")
