"""All checks at once: one that hangs or fails hides nothing of the others."""

import asyncio

import pytest

from syncd.checks.run import run_checks
from syncd.setting_sources import Resolved
from syncd.settings import Settings
from tests.syncd.checks.conftest import Check
from tests.syncd.checks.report import assert_result

pytestmark = pytest.mark.integration

NOWHERE = "nowhere.invalid"


async def test_hosts_without_an_address_and_ports_without_a_server_are_named(check: Check) -> None:
    gone = await check(database_url=f"postgresql://x@{NOWHERE}/x", bus=f"nats://{NOWHERE}:4222")
    assert_result(gone["database"], "failed", NOWHERE, "--database-url (SYNCD_DATABASE_URL)")
    assert_result(gone["bus"], "failed", NOWHERE, "--bus (SYNCD_BUS)")
    keys = {"pubnub_subscribe_key": "demo", "pubnub_publish_key": "demo"}
    gone = await check(bus="pubnub", **keys, pubnub_origin=NOWHERE, jwt_secret=None, jwks_url=f"https://{NOWHERE}/")
    assert_result(gone["bus"], "failed", NOWHERE, "--pubnub-origin (SYNCD_PUBNUB_ORIGIN)")
    assert_result(gone["keys"], "failed", NOWHERE, "--jwks-url (SYNCD_JWKS_URL)")
    refused = await check(database_url="postgresql://x@127.0.0.1:9/x", bus="nats://127.0.0.1:9")
    assert_result(refused["database"], "failed", "refused", "is it running")
    assert_result(refused["bus"], "failed", "127.0.0.1:9", "is it running")


async def test_a_check_that_does_not_end_is_given_up_and_the_others_go_on(check: Check) -> None:
    is_asked = asyncio.Event()

    async def keep_silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_asked.set()
        await is_over.wait()
        writer.close()

    is_over = asyncio.Event()
    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    found = await check(timeout_s=1.0, jwt_secret=None, jwks_url=url)
    assert is_asked.is_set()
    assert_result(found["keys"], "failed", "no answer within 1 s", "--jwks-url (SYNCD_JWKS_URL)")
    assert found["database"].status == "ok"
    is_over.set()
    server.close()


async def test_a_defect_in_one_check_is_told_and_the_others_go_on(check: Check) -> None:
    found = await check(max_connections="many")
    assert_result(found["open files"], "failed", "could not be checked: TypeError: ", "--max-connections")
    assert found["database"].status == "ok"


async def test_a_result_is_one_line_without_secrets() -> None:
    settings = Settings(port=0, bus="amqp://ann:a-secret@bus\n:5672", jwt_secret="short\nsecret")
    for result in await run_checks(Resolved(settings), {}):
        assert "\n" not in result.detail
        assert "a-secret" not in result.detail
