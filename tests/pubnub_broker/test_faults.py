"""Each fault switch, through the admin endpoint, through Python, and as the SDK feels it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from msgspec import json
from pubnub.enums import PNStatusCategory

from pubnub_broker.channels import Delivery
from pubnub_broker.faults import FaultRules, Faults
from pubnub_broker.names import Name
from pubnub_broker.server import BrokerServer
from tests.pubnub_broker.messages import Http, message
from tests.timeouts import TIMEOUT_S

Sdk = Callable[..., Any]
Listen = Callable[..., Awaitable["asyncio.Queue[Any]"]]

PUBLISH = "/publish/p/s/0/c/0/1"
TIME = "/time/0"


async def cursor_of(http: Http) -> str:
    _, news = await http("GET", "/v2/subscribe/s/c/0")
    return f"/v2/subscribe/s/c/0?tt={news['t']['t']}"


async def delivered(http: Http, poll: str, count: int) -> list[int]:
    for number in range(count):
        await http("GET", f"/publish/p/s/0/c/0/{number}")
    _, news = await http("GET", poll)
    return [message["d"] for message in news["m"]]


async def test_the_admin_endpoint_sets_shows_and_clears(broker: BrokerServer, http: Http) -> None:
    rules = {"publish": {"answer": 500, "probability": 0.5}, "drop": 0.2, "seed": 7}
    status, shown = await http("PUT", "/_broker/faults", json.encode(rules))
    assert (status, shown["drop"], shown["publish"]["answer"]) == (200, 0.2, 500)
    assert await http("GET", "/_broker/faults") == (200, shown)
    assert broker.faults.rules.drop == 0.2

    assert (await http("DELETE", "/_broker/faults"))[0] == 200
    assert broker.faults.rules == FaultRules()
    assert (await http("POST", "/_broker/faults"))[0] == 405


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (b'{"drop": 2}', "`$.drop`"),
        (b'{"dorp": 0.5}', "`dorp`"),
        (b'{"publish": {"answer": 404}}', "`$.publish.answer`"),
        (b'{"subscribe": {"delay_ms": -1}}', "`$.subscribe.delay_ms`"),
        (b'{"queue_limit": 0}', "`$.queue_limit`"),
        (b"{", "truncated"),
        (b'{"dr\xffop": 1}', "utf-8"),
    ],
)
async def test_wrong_rules_are_refused_by_the_name_of_the_field_and_change_nothing(
    broker: BrokerServer, http: Http, rules: bytes, named: str
) -> None:
    status, answer = await http("PUT", "/_broker/faults", rules)
    assert (status, answer["error"]) == (400, True)
    assert named in answer["message"]
    assert broker.faults.rules == FaultRules()


async def test_switches_strike_their_scope_only_and_nest(broker: BrokerServer, http: Http) -> None:
    poll = "/v2/subscribe/s/c/0"
    with broker.faults.answering(429, "publish"), broker.faults.answering(500, "subscribe"):
        assert [(await http("GET", path))[0] for path in (PUBLISH, poll, TIME)] == [429, 500, 200]
        with broker.faults.answering(403):
            assert [(await http("GET", path))[0] for path in (PUBLISH, poll, TIME)] == [429, 500, 403]
    assert [(await http("GET", path))[0] for path in (PUBLISH, poll, TIME)] == [200, 200, 200]


async def test_access_denied_names_the_channels(broker: BrokerServer, http: Http) -> None:
    with broker.faults.answering(403):
        assert await http("GET", "/v2/subscribe/s/a,b/0") == (
            403,
            {
                "message": "Forbidden",
                "status": 403,
                "service": "Access Manager",
                "error": True,
                "payload": {"channels": ["a", "b"]},
            },
        )


async def test_the_sdk_sees_access_denied_bad_keys_and_server_errors(broker: BrokerServer, sdk: Sdk) -> None:
    alice = sdk("alice")
    seen = []
    for status in (403, 429, 500):
        with broker.faults.answering(status, "publish"):
            answer = await alice.publish().channel("c").message(1).future()
            seen.append((answer.is_error(), answer.status.category, answer.status.status_code))
    assert seen == [
        (True, PNStatusCategory.PNAccessDeniedCategory, 403),
        (True, PNStatusCategory.PNUnknownCategory, 429),
        (True, PNStatusCategory.PNUnknownCategory, 500),
    ]


async def test_a_refused_publish_gets_no_answer_and_has_no_effect(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.refusing("publish"), pytest.raises((EOFError, ConnectionError)):
        await http("GET", PUBLISH)
    assert await delivered(http, poll, 1) == [0]


async def test_a_truncated_publish_gets_half_an_answer_and_has_its_effect(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.truncating("publish"), pytest.raises(asyncio.IncompleteReadError) as cut:
        await http("GET", PUBLISH)
    assert cut.value.partial.startswith(b'[1,"Sent')
    assert await delivered(http, poll, 1) == [1, 0]


async def test_a_hanging_publish_hangs_until_the_switch_is_cleared(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.hanging("publish"):
        hanging = asyncio.create_task(http("GET", PUBLISH))
        for _ in range(20):
            await http("GET", TIME)
        assert not hanging.done()
    with pytest.raises((EOFError, ConnectionError)):
        await hanging
    assert await delivered(http, poll, 1) == [0]


async def test_a_delayed_publish_comes_late(broker: BrokerServer, http: Http) -> None:
    _, (before,) = await http("GET", TIME)
    with broker.faults.delaying(50, "publish"):
        _, (_, _, timetoken) = await http("GET", PUBLISH)
    assert int(timetoken) > before + 49 * 10_000


async def test_a_probability_strikes_the_same_publishes_again_whatever_else_goes_on(
    broker: BrokerServer, http: Http
) -> None:
    runs = []
    for others in ([], [TIME, "/v2/subscribe/s/c/0"]):
        with broker.faults.answering(500, probability=0.5):
            statuses = []
            for _ in range(20):
                statuses.append((await http("GET", PUBLISH))[0])
                await asyncio.gather(*(http("GET", other) for other in others))
            runs.append(statuses)
    assert set(runs[0]) == {200, 500}
    assert runs[0] == runs[1]


def test_dropped_deliveries_are_the_same_however_they_fall_into_polls() -> None:
    deliveries = [Delivery(message("c", number), Name("c")) for number in range(40)]
    runs = []
    for size in (1, 7, 40):
        faults = Faults()
        faults.set(FaultRules(drop=0.5, duplicate=0.5, seed=3))
        polls = (faults.disturb(deliveries[first : first + size]) for first in range(0, 40, size))
        runs.append([delivery.message.timetoken for poll in polls for delivery in poll])
    assert runs[0] == runs[1] == runs[2]
    assert len(set(runs[0])) < 40


async def test_a_change_of_rules_ends_every_waiting_poll(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    waiting = asyncio.create_task(http("GET", poll))
    await http("GET", TIME)
    with broker.faults.refusing("subscribe"):
        status, news = await waiting
        assert (status, news["m"]) == (200, [])
        with pytest.raises((EOFError, ConnectionError)):
            await http("GET", poll)


async def test_dropped_deliveries_are_lost_and_the_rest_keeps_its_order(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.dropping(0.3):
        numbers = await delivered(http, poll, 50)
    assert 0 < len(numbers) < 50
    assert numbers == sorted(set(numbers))


async def test_a_poll_whose_messages_all_drop_waits_on(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.dropping(1.0):
        waiting = asyncio.create_task(delivered(http, poll, 3))
        for _ in range(20):
            await http("GET", TIME)
        assert not waiting.done()
    assert await waiting == []


async def test_duplicated_deliveries_come_twice(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.duplicating(0.5):
        numbers = await delivered(http, poll, 40)
    assert set(numbers) == set(range(40))
    assert 40 < len(numbers) < 80


async def test_reordered_deliveries_all_come_in_another_order(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.reordering(0.5):
        numbers = await delivered(http, poll, 40)
    assert sorted(numbers) == list(range(40))
    assert numbers != sorted(numbers)


async def test_a_waiting_poll_gathers_so_that_there_is_something_to_reorder(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.reordering(1.0):
        waiting = asyncio.create_task(http("GET", poll))
        await http("GET", TIME)
        await asyncio.gather(*(http("GET", PUBLISH) for _ in range(3)))
        _, news = await waiting
    assert len(news["m"]) > 1


async def test_an_overflow_keeps_the_newest(broker: BrokerServer, http: Http) -> None:
    poll = await cursor_of(http)
    with broker.faults.overflowing(3):
        assert await delivered(http, poll, 10) == [7, 8, 9]


async def test_the_sdk_goes_on_from_its_cursor_after_an_outage(broker: BrokerServer, sdk: Sdk, listen: Listen) -> None:
    events = await listen(["c"])
    alice = sdk("alice")
    await alice.publish().channel("c").message("before").result()
    assert (await asyncio.wait_for(events.get(), TIMEOUT_S)).message == "before"

    with broker.faults.refusing("subscribe"):
        await alice.publish().channel("c").message("during").result()
    await alice.publish().channel("c").message("after").result()

    heard: list[str] = []
    while "after" not in heard:
        heard.append((await asyncio.wait_for(events.get(), TIMEOUT_S)).message)
    assert list(dict.fromkeys(heard)) == ["during", "after"]


@pytest.mark.parametrize(
    "switch",
    [
        lambda faults: faults.hanging("subscribe"),
        lambda faults: faults.truncating("subscribe"),
        lambda faults: faults.answering(500, "subscribe"),
        lambda faults: faults.delaying(20, "subscribe"),
    ],
)
async def test_the_sdk_survives_each_fault_of_its_poll(
    broker: BrokerServer,
    sdk: Sdk,
    listen: Listen,
    switch: Callable[[Faults], AbstractContextManager[None]],
) -> None:
    events = await listen(["c"])
    with switch(broker.faults):
        await sdk("alice").publish().channel("c").message("through").result()
    assert (await asyncio.wait_for(events.get(), TIMEOUT_S)).message == "through"
