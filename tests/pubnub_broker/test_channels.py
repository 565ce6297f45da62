"""Messages on their way: what a cursor gets, and whom an arrival wakes."""

import asyncio

from pubnub_broker.channels import Channels
from pubnub_broker.names import Name
from tests.pubnub_broker.messages import message
from tests.timeouts import TIMEOUT_S


def test_a_cursor_gets_what_came_after_it_in_order_and_once() -> None:
    channels = Channels(kept=100)
    for timetoken, channel in enumerate(["u.1", "x", "u.2", "u.1"], start=1):
        channels.append(message(channel, timetoken))

    found = channels.after(1, {Name("u.*"), Name("u.1")}, limit=100)

    assert [(d.message.timetoken, d.name.text) for d in found] == [(3, "u.*"), (4, "u.1")]


def test_of_too_many_messages_a_cursor_gets_the_newest() -> None:
    channels = Channels(kept=100)
    for timetoken in range(1, 11):
        channels.append(message("c", timetoken))

    assert [d.message.timetoken for d in channels.after(0, {Name("c")}, limit=3)] == [8, 9, 10]


def test_the_oldest_messages_go_when_there_are_too_many() -> None:
    channels = Channels(kept=3)
    for timetoken, channel in enumerate(["a.1", "a.1", "a.2", "a.2", "a.2"], start=1):
        channels.append(message(channel, timetoken))

    assert [d.message.timetoken for d in channels.after(0, {Name("a.*")}, limit=100)] == [3, 4, 5]
    assert channels.after(0, {Name("a.1")}, limit=100) == []


async def test_an_arrival_wakes_who_waits_for_it_and_nobody_else() -> None:
    channels = Channels(kept=100)
    wildcard = asyncio.create_task(channels.arrival({Name("u.*")}))
    other = asyncio.create_task(channels.arrival({Name("x"), Name("y")}))
    await asyncio.sleep(0)

    channels.append(message("u.1", 1))
    await asyncio.wait_for(wildcard, TIMEOUT_S)
    assert not other.done()

    channels.release()
    await asyncio.wait_for(other, TIMEOUT_S)
    assert not channels._waiting
