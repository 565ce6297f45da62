"""PubNub's own Python SDK, unmodified, over real HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pubnub.endpoints.presence.leave import Leave
from pubnub.enums import PNStatusCategory
from pubnub.exceptions import PubNubException
from pubnub.request_handlers.async_aiohttp import AsyncAiohttpRequestHandler
from pubnub.request_handlers.async_httpx import AsyncHttpxRequestHandler

from tests.timeouts import TIMEOUT_S

Sdk = Callable[..., Any]
Listen = Callable[..., Awaitable["asyncio.Queue[Any]"]]

HANDLERS = [AsyncHttpxRequestHandler, AsyncAiohttpRequestHandler]
MESSAGE = {"text": "a/b, 100 % ü 🎬", "items": [1, 2.5, None, True]}


async def next_of(events: "asyncio.Queue[Any]") -> Any:
    return await asyncio.wait_for(events.get(), TIMEOUT_S)


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize(("use_post", "use_compression"), [(False, False), (True, False), (True, True)])
async def test_a_published_message_arrives_as_it_was_sent(
    sdk: Sdk, listen: Listen, handler: type, use_post: bool, use_compression: bool
) -> None:
    events = await listen(["news"], request_handler=handler)

    publish = sdk("alice", handler).publish().channel("news").message(MESSAGE).meta({"lang": "de"})
    publish = publish.custom_message_type("text-message").use_post(use_post).use_compression(use_compression)
    sent = await publish.result()

    message = await next_of(events)
    assert message.message == MESSAGE
    assert (message.channel, message.subscription, message.publisher) == ("news", None, "alice")
    assert message.timetoken == int(sent.timetoken)
    assert message.user_metadata == {"lang": "de"}
    assert message.custom_message_type == "text-message"


async def test_a_wildcard_hears_every_channel_below_it(sdk: Sdk, listen: Listen) -> None:
    events = await listen(["user.*"])
    alice = sdk("alice")

    await alice.publish().channel("user.1.sync").message(1).result()
    await alice.publish().channel("account.1").message(2).result()
    await alice.publish().channel("user.2").message(3).result()

    heard = [await next_of(events) for _ in range(2)]
    assert [(m.channel, m.subscription, m.message) for m in heard] == [
        ("user.1.sync", "user.*", 1),
        ("user.2", "user.*", 3),
    ]


async def test_a_group_hears_its_channels_as_they_change_without_subscribing_again(sdk: Sdk, listen: Listen) -> None:
    alice = sdk("alice")
    await alice.add_channel_to_channel_group().channels(["a", "b"]).channel_group("g").result()
    events = await listen([], ["g"])

    await alice.publish().channel("a").message(1).result()
    await alice.add_channel_to_channel_group().channels(["c"]).channel_group("g").result()
    await alice.remove_channel_from_channel_group().channels(["b"]).channel_group("g").result()
    await alice.publish().channel("b").message(2).result()
    await alice.publish().channel("c").message(3).result()

    heard = [await next_of(events) for _ in range(2)]
    assert [(m.channel, m.subscription, m.message) for m in heard] == [("a", "g", 1), ("c", "g", 3)]
    listed = await alice.list_channels_in_channel_group().channel_group("g").result()
    assert listed.channels == ["a", "c"]
    await alice.remove_channel_group().channel_group("g").result()
    listed = await alice.list_channels_in_channel_group().channel_group("g").result()
    assert listed.channels == []


async def test_messages_keep_their_order_through_many_polls(sdk: Sdk, listen: Listen) -> None:
    events = await listen(["user.*"])
    alice = sdk("alice", AsyncAiohttpRequestHandler)

    for number in range(60):
        await alice.publish().channel(f"user.{number % 7}").message(number).result()

    assert [(await next_of(events)).message for _ in range(60)] == list(range(60))


async def test_a_signal_arrives_and_is_not_stored(sdk: Sdk, listen: Listen) -> None:
    events = await listen(["news"])
    alice = sdk("alice")

    await alice.signal().channel("news").message("typing").result()

    signal = await next_of(events)
    assert (type(signal).__name__, signal.message, signal.publisher) == ("PNSignalMessageResult", "typing", "alice")
    assert (await alice.history().channel("news").result()).messages == []


async def test_fire_reaches_neither_subscribers_nor_history(sdk: Sdk, listen: Listen) -> None:
    events = await listen(["news"])
    alice = sdk("alice")

    await alice.fire().channel("news").message("fired").result()
    await alice.publish().channel("news").message("published").should_store(False).result()

    assert (await next_of(events)).message == "published"
    assert (await alice.history().channel("news").result()).messages == []


async def test_time_is_a_timetoken(sdk: Sdk) -> None:
    assert len(str(int(await sdk("alice").time().result()))) == 17


async def test_history_of_both_versions_counts_and_deletion(sdk: Sdk) -> None:
    alice = sdk("alice")
    sent = [int((await alice.publish().channel("news").message(n).meta({"n": n}).result()).timetoken) for n in range(5)]
    await alice.publish().channel("other").message("x").result()

    page = await alice.history().channel("news").count(2).include_timetoken(True).include_meta(True).result()
    assert [(m.entry, m.timetoken, m.meta) for m in page.messages] == [(n, sent[n], {"n": n}) for n in (3, 4)]
    assert (page.start_timetoken, page.end_timetoken) == (sent[3], sent[4])
    page = await alice.history().channel("news").count(2).start(sent[3]).result()
    assert [m.entry for m in page.messages] == [1, 2]
    page = await alice.history().channel("news").count(2).reverse(True).result()
    assert [m.entry for m in page.messages] == [0, 1]

    fetched = await alice.fetch_messages().channels(["news", "other", "empty"]).include_uuid(True).result()
    assert [(m.message, m.timetoken, m.uuid) for m in fetched.channels["news"]] == [
        (n, str(sent[n]), "alice") for n in range(5)
    ]
    assert set(fetched.channels) == {"news", "other"}

    counts = await alice.message_counts().channel("news").channel_timetokens([sent[0]]).result()
    assert counts.channels == {"news": 4}
    counts = await alice.message_counts().channel(["news", "other"]).channel_timetokens([sent[3], sent[0]]).result()
    assert counts.channels == {"news": 1, "other": 1}

    await alice.delete_messages().channel("news").start(sent[0]).end(sent[3]).result()
    assert [m.entry for m in (await alice.history().channel("news").result()).messages] == [0, 4]
    await alice.delete_messages().channel("news").result()
    assert (await alice.history().channel("news").result()).messages == []


async def test_presence_tells_who_is_where_and_with_what_state(sdk: Sdk, listen: Listen) -> None:
    alice = sdk("alice")
    await alice.add_channel_to_channel_group().channels(["lounge"]).channel_group("g").result()
    await listen(["room"], ["g"], user_id="bob")
    await alice.set_state().channels(["room"]).state({"mood": "ok"}).result()

    here = await alice.here_now().channels(["room"]).include_state(True).result()
    assert [(o.uuid, o.state) for o in here.channels[0].occupants] == [("bob", {})]
    everywhere = await alice.here_now().result()
    assert everywhere.total_channels == 2
    assert {c.channel_name: c.occupancy for c in everywhere.channels} == {"room": 1, "lounge": 1}
    assert (await alice.where_now().uuid("bob").result()).channels == ["room", "lounge"]
    assert (await alice.get_state().channels(["room"]).result()).channels == {"room": {"mood": "ok"}}
    both = await alice.get_state().channels(["room", "lounge"]).result()
    assert both.channels == {"room": {"mood": "ok"}, "lounge": {}}


async def test_presence_events_announce_who_comes_and_goes(sdk: Sdk, listen: Listen) -> None:
    events = await listen(["room"], with_presence=True)
    bob = sdk("bob")

    await bob.heartbeat().channels(["room"]).result()
    await bob.set_state().channels(["room"]).state({"mood": "ok"}).result()
    await Leave(bob).channels(["room"]).result()

    seen = [await next_of(events) for _ in range(4)]
    assert [(e.event, e.channel, e.uuid, e.occupancy) for e in seen] == [
        ("join", "room", "listener", 1),
        ("join", "room", "bob", 2),
        ("state-change", "room", "bob", 2),
        ("leave", "room", "bob", 1),
    ]
    assert seen[2].state == {"mood": "ok"}


async def test_a_message_over_the_size_limit_is_a_bad_request(sdk: Sdk) -> None:
    alice = sdk("alice")
    for use_post in (False, True):
        publish = alice.publish().channel("news").message("x" * 33_000).use_post(use_post)
        with pytest.raises(PubNubException, match="Message Too Large"):
            await publish.result()
        answer = await publish.future()
        assert answer.status.category is PNStatusCategory.PNBadRequestCategory
