"""Foreign publishers on the channel: PubNub's own SDK, two real nodes, one PostgreSQL."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from pubnub.exceptions import PubNubException

from tests.scenarios.conftest import WATCHLIST, Bearer, ClusterNode, Publisher, PubNubBroker, StartNode, Watch

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


def documented(number: int, **changes: Any) -> dict[str, Any]:
    """Return the documented message: no revision, a tag of the publisher's own making."""
    return {
        "type": "watchlist_update",
        "operation": "add",
        "content_id": str(UUID(int=number)),
        "unique_tag": f"movie-{number}",
        "timestamp": None,
        "device_id": "device-a",
        **changes,
    }


RUBBISH: dict[str, tuple[Any, str]] = {
    "invalid UUID": (documented(1, content_id="movie-1"), "invalid_content_id"),
    "unknown type": ({"type": "nonsense", "content_id": str(UUID(int=1))}, "malformed"),
    "unknown operation": (documented(1, operation="toggle"), "malformed"),
    "a field that lacks": ({"type": "watchlist_update", "operation": "add"}, "malformed"),
    "a field of another type": (documented(1, device_id=7), "malformed"),
    "a list": ([1, 2, 3], "malformed"),
    "a text": ("rubbish", "malformed"),
    "a number": (7, "malformed"),
    "as much as PubNub accepts": ("x" * (32 * 1024 - 50), "malformed"),
    "a tag that only the journal names": (documented(1, unique_tag="syncd:99"), "not_taken"),
    "a clock a day ahead": (
        documented(1, timestamp={"physical": 4_000_000_000_000, "logical": 0, "node": "x"}),
        "not_taken",
    ),
}


@pytest.fixture
async def nodes(broker: PubNubBroker, start_node: StartNode) -> list[ClusterNode]:
    return [await start_node(*broker.flags, "--bus-foreign", "on") for _ in range(2)]


async def test_the_documented_message_of_a_foreign_publisher_reaches_every_device_once(
    nodes: list[ClusterNode], publisher: Publisher, watch: Watch, http: aiohttp.ClientSession, bearer: Bearer
) -> None:
    devices = [
        await watch(node, "ann", f"{name}-{number}") for number, node in enumerate(nodes) for name in ("tv", "pc")
    ]
    stranger = await watch(nodes[0], "bob")
    await publisher.publish("ann", documented(123))
    for device in devices:
        message = await device.next()
        assert (message["content_id"], message["action"]) == (str(UUID(int=123)), "add")
        assert (message["revision"], message["unique_tag"], message["device_id"]) == (1, "movie-123", "device-a")
    await publisher.publish("ann", documented(123))  # again: its tag says that it is the same
    await publisher.publish("ann", documented(123, operation="remove"))
    await publisher.publish("ann", documented(124))
    for device in devices:
        messages = [await device.next() for _ in range(2)]
        assert [(message["action"], message["unique_tag"]) for message in messages] == [
            ("remove", "movie-123"),
            ("add", "movie-124"),
        ]
    for user_id, device in (("ann", devices[-1]), ("bob", stranger)):  # no fourth message, and none of another's
        body = {"operation": "add", "content_id": str(UUID(int=1))}
        async with http.post(nodes[0].url + WATCHLIST, json=body, headers=bearer(user_id)) as response:
            revision = (await response.json())["revision"]
        assert await device.revisions(1) == [revision] == [{"ann": 4, "bob": 1}[user_id]]


async def test_rubbish_on_the_channel_is_warned_of_and_counted_and_disturbs_nobody(
    nodes: list[ClusterNode],
    publisher: Publisher,
    watch: Watch,
    http: aiohttp.ClientSession,
    bearer: Bearer,
    until: Until,
) -> None:
    devices = [await watch(node) for node in nodes]
    for payload, _ in RUBBISH.values():
        await publisher.publish("ann", payload)
    with pytest.raises(PubNubException, match="Message Too Large"):  # which never gets here
        await publisher.publish("ann", "x" * 32 * 1024)
    for reason in {reason for _, reason in RUBBISH.values()}:
        expected = sum(reason == other for _, other in RUBBISH.values())
        for node in nodes:

            async def is_counted(node: ClusterNode = node, reason: str = reason, expected: int = expected) -> bool:
                return await node.metric(http, f'syncd_messages_refused_total{{reason="{reason}"}}') == expected

            await until(is_counted)
    for node in nodes:
        relayed = 'syncd_collection_updates_relayed_total{collection="watchlist"}'
        assert await node.metric(http, relayed) == 0
        warnings = [line for line in node.log.read_text().splitlines() if '"level": "warning"' in line]
        assert len([line for line in warnings if "syncd.commands.serve" not in line]) == len(RUBBISH)  # of its start
    body = {"operation": "add", "content_id": str(UUID(int=1))}
    async with http.post(nodes[1].url + WATCHLIST, json=body, headers=bearer("ann")) as response:
        assert (await response.json())["revision"] == 1
    for device in devices:
        assert await device.revisions(1) == [1]


async def test_what_a_foreign_publisher_says_to_devices_reaches_those_that_it_names(
    nodes: list[ClusterNode], publisher: Publisher, watch: Watch
) -> None:
    tv, phone = await watch(nodes[0], "ann", "tv"), await watch(nodes[1], "ann", "phone", "devices")
    content_id = str(UUID(int=1))
    handoff = {"type": "device_handoff", "target_device_id": "tv", "content_id": content_id, "position_seconds": 90.5}
    await publisher.publish("ann", handoff | {"timestamp": 1_764_000_000})
    told = {"type": "device_command", "target_device": "tv"}
    assert await tv.next() == told | {"command": f"handoff:{content_id}", "position_seconds": 90.5}
    command = {"type": "device_command", "target_device_id": "tv", "timestamp": None}
    for asked in ({"command_type": "seek", "payload": "no JSON"}, {"command_type": "seek", "position_seconds": 90}):
        await publisher.publish("ann", command | {"command": asked}, "devices")
    assert await tv.next() == told | {"command": "seek", "payload": {"position_seconds": 90}}
    capabilities = {"max_resolution": "4k", "hdr_support": ["HDR10"], "audio_codecs": ["aac"], "can_cast": True}
    heartbeat = {"type": "device_heartbeat", "device_id": "box", "capabilities": capabilities, "timestamp": 1}
    await publisher.publish("ann", heartbeat, "devices")
    while (message := await phone.next()).get("device_id") != "box":
        assert message["type"] in {"device_update", "resumed"}  # no word of what the TV is to do
    assert (message["action"], message["capabilities"]) == ("update", capabilities)
