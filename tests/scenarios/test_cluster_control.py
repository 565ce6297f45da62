"""What an operator does on one node of three is done on all, and only if a node says so."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from websockets.asyncio.client import ClientConnection, connect

from actors.messages.control import ControlMessage, ShowNotice
from tests.scenarios.conftest import SECRET, BusServer, ClusterNode, NatsServer, Publisher, PubNubBroker, StartNode
from tests.sockets import close_code
from tests.timeouts import TIMEOUT_S
from transport.access.minting import mint
from transport.bus.channels import CONTROL_CHANNEL
from transport.bus.control_codec import ControlCodec

BUS_KEY = "a key that only the nodes of this cluster have"
KEY = ("--bus-key", BUS_KEY)
ALL = {"nodes": 3, "known": 3}

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
Call = Callable[..., Awaitable[Any]]
Join = Callable[..., Awaitable[ClientConnection]]
Knows = Callable[[ClusterNode, int], Awaitable[None]]


@pytest.fixture
def call(http: aiohttp.ClientSession) -> Call:
    """``await call(node, path, **body)``: the admin API's answer; a GET without a body."""
    headers = {"Authorization": f"Bearer {mint(SECRET, 'ops', 'console', 3600, scope='syncd:admin')}"}

    async def call(node: ClusterNode, path: str, **body: Any) -> Any:
        url = f"{node.url}/api/v1/admin/{path}"
        async with http.request("POST" if body else "GET", url, json=body or None, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    return call


@pytest.fixture
async def join() -> AsyncIterator[Join]:
    """``await join(node, user, device, token_id=…)``: a device that is registered there."""
    async with AsyncExitStack() as stack:

        async def joined(node: ClusterNode, user_id: str, device_id: str, **claims: Any) -> ClientConnection:
            headers = {"Authorization": f"Bearer {mint(SECRET, user_id, device_id, 3600, **claims)}"}
            connecting = connect(f"{node.ws_url}?since=0", additional_headers=headers)
            socket = await stack.enter_async_context(connecting)
            assert json.loads(await socket.recv())["type"] == "resumed"
            return socket

        yield joined


@pytest.fixture
def knows(http: aiohttp.ClientSession, until: Until) -> Knows:
    """``await knows(node, count)``: wait until the node knows of so many, itself included."""

    async def wait(node: ClusterNode, count: int) -> None:
        async def is_so() -> bool:
            return await node.metric(http, "syncd_bus_nodes") == count

        await until(is_so)

    return wait


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "bus.log")
    await server.start()
    yield server
    await server.kill()


async def next_of(socket: ClientConnection) -> Any:
    async with asyncio.timeout(TIMEOUT_S):
        return json.loads(await socket.recv())


async def three_nodes(bus: BusServer, start_node: StartNode, knows: Knows) -> list[ClusterNode]:
    nodes = await asyncio.gather(*(start_node(*bus.flags, *KEY) for _ in range(3)))
    for node in nodes:
        await knows(node, 3)
    return nodes


async def test_disconnect_revoke_and_notice_act_on_every_node(
    bus: BusServer, start_node: StartNode, knows: Knows, call: Call, join: Join
) -> None:
    nodes = await three_nodes(bus, start_node, knows)
    anns = [await join(node, "ann", f"tv-{number}") for number, node in enumerate(nodes)]
    bobs = [await join(node, "bob", f"tv-{number}", token_id="stolen") for number, node in enumerate(nodes)]

    assert await call(nodes[0], "notice", message="Back at five.") == {"notified": 6} | ALL
    for device in (*anns, *bobs):
        assert await next_of(device) == {"type": "notice", "message": "Back at five.", "level": "info"}

    assert await call(nodes[1], "disconnect", user_id="ann", device_id="tv-2") == {"disconnected": 1} | ALL
    assert await call(nodes[1], "disconnect", user_id="ann") == {"disconnected": 2} | ALL
    assert [await close_code(ann) for ann in anns] == [4004] * 3

    revoked = await call(nodes[2], "revoke", token_id="stolen")
    assert [await close_code(bob) for bob in bobs] == [4501] * 3
    # A node that has looked for revocations by itself, in the moment between, does not close the connection again.
    assert 1 <= revoked.pop("disconnected") <= 3
    assert revoked == ALL


async def test_stats_and_users_show_every_node(
    bus: BusServer, start_node: StartNode, knows: Knows, call: Call, join: Join
) -> None:
    nodes = await three_nodes(bus, start_node, knows)
    for number, node in enumerate(nodes):
        await join(node, "ann", f"tv-{number}")
    await join(nodes[2], "bob", "tv")

    all_stats = [await call(node, "stats") for node in nodes]
    names = [stats["node"] for stats in all_stats]
    for stats in all_stats:
        figures = {node["node"]: node["figures"]["connections"] for node in stats["nodes"]}
        assert figures == dict(zip(names, [1, 1, 2], strict=True))
        assert [node["node"] for node in stats["nodes"] if node["self"]] == [stats["node"]]

    found = await call(nodes[0], "users?user_id=ann")
    assert sorted((each["device_id"], each["node"]) for each in found["connections"]) == [
        (f"tv-{number}", name) for number, name in enumerate(names)
    ]
    assert (found["left_out"], found["nodes"], found["known"]) == (0, 3, 3)
    assert await call(nodes[0], f"node?name={names[2]}") == {
        "node": names[2],
        "users": [{"user_id": "ann", "connections": 1}, {"user_id": "bob", "connections": 1}],
        "left_out": 0,
    }


async def test_a_node_that_was_killed_is_missed_in_the_answers_and_soon_gone(
    nats: NatsServer, start_node: StartNode, knows: Knows, call: Call
) -> None:
    first, second, third = await three_nodes(nats, start_node, knows)
    killed = (await call(third, "stats"))["node"]
    await third.child.kill()
    assert await call(first, "disconnect", user_id="ann") == {"disconnected": 0, "nodes": 2, "known": 3}
    silent = [node for node in (await call(first, "stats"))["nodes"] if node["figures"] is None]
    assert [node["node"] for node in silent] == [killed]
    for node in (first, second):
        await knows(node, 2)
        assert killed not in [each["node"] for each in (await call(node, "stats"))["nodes"]]

    await second.child.terminate()
    await knows(first, 1)  # it said so


async def test_control_messages_that_are_forged_or_come_again_do_nothing_and_are_counted(
    nats: NatsServer,
    start_node: StartNode,
    knows: Knows,
    call: Call,
    join: Join,
    http: aiohttp.ClientSession,
    until: Until,
) -> None:
    nodes = await three_nodes(nats, start_node, knows)
    eavesdropper, heard = Client(), list[bytes]()
    await eavesdropper.connect(f"nats://127.0.0.1:{nats.port}")

    async def hear(message: Msg) -> None:
        heard.append(message.data)

    await eavesdropper.subscribe(CONTROL_CHANNEL, cb=hear)
    await eavesdropper.flush()

    async def is_heard() -> bool:  # who listens may have lost its connection
        assert await call(nodes[0], "disconnect", user_id="ann") == {"disconnected": 0} | ALL
        return any(b"disconnect_user" in payload for payload in heard)

    await until(is_heard)
    device = await join(nodes[1], "ann", "tv")
    genuine = next(payload for payload in heard if b"disconnect_user" in payload)
    unsigned = {name: value for name, value in json.loads(genuine).items() if name != "signature"}
    now_ms = time.time_ns() // 1_000_000
    of_yesterday = ControlMessage(id="old", origin="x", sent_ms=now_ms - 86_400_000, body=ShowNotice("Hello", "info"))
    for payload in (
        genuine,
        msgspec.json.encode(unsigned | {"id": "another"}),
        msgspec.json.encode(unsigned | {"signature": "0" * 64}),
        b"rubbish",
        ControlCodec(BUS_KEY.encode()).encode(of_yesterday),
    ):
        await eavesdropper.publish(CONTROL_CHANNEL, payload)
    await eavesdropper.close()

    async def are_counted() -> bool:
        refused = {"replayed": 1, "forged": 2, "malformed": 1, "stale": 1}
        counted = {
            reason: await nodes[1].metric(http, f'syncd_messages_refused_total{{reason="{reason}"}}')
            for reason in refused
        }
        return counted == refused

    await until(are_counted)
    await device.send('{"type":"ping"}')
    assert await next_of(device) == {"type": "pong"}


async def test_on_pubnub_whoever_may_publish_for_users_commands_no_node_and_finds_nothing_to_replay(
    broker: PubNubBroker,
    publisher: Publisher,
    start_node: StartNode,
    join: Join,
    http: aiohttp.ClientSession,
    until: Until,
) -> None:
    node = await start_node(*broker.flags, *KEY)
    device = await join(node, "ann", "tv")
    notice = {"id": "1", "origin": "x", "sent_ms": time.time_ns() // 1_000_000, "body": {"type": "show_notice"}}
    await publisher.publish("=control", notice | {"body": {"type": "show_notice", "message": "Hi", "level": "info"}})

    async def is_counted() -> bool:
        return await node.metric(http, 'syncd_messages_refused_total{reason="forged"}') == 1

    await until(is_counted)
    assert [message["body"]["type"] for message in await publisher.history("=control")] == ["show_notice"]
    await device.send('{"type":"ping"}')
    assert await next_of(device) == {"type": "pong"}


async def test_without_a_key_a_node_acts_alone(
    nats: NatsServer, start_node: StartNode, call: Call, join: Join, http: aiohttp.ClientSession
) -> None:
    here, there = [await start_node(*nats.flags) for _ in range(2)]
    own, other = await join(here, "ann", "tv"), await join(there, "ann", "tv")
    assert await call(here, "disconnect", user_id="ann") == {"disconnected": 1, "nodes": 1, "known": 1}
    assert await close_code(own) == 4004
    await other.send('{"type":"ping"}')
    assert await next_of(other) == {"type": "pong"}
    assert [len((await call(node, "stats"))["nodes"]) for node in (here, there)] == [1, 1]
    assert await here.metric(http, "syncd_bus_nodes") == 0
