"""A daemon and the issuer of its keys: a key that is withdrawn or replaced, an issuer that is away and comes back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.daemon import WATCHLIST, DaemonProcess, StartDaemon
from tests.fakes.key_issuer import KeyIssuer, key_issuer, public_jwk
from tests.keys import rsa_key
from tests.server_sent_events import EventReader
from tests.sockets import close_code
from tests.timeouts import TIMEOUT_S

STOLEN, SAFE, NEW = rsa_key(1), rsa_key(2), rsa_key(3)


def bearer(key: Any, kid: str | None, algorithm: str = "RS256", **claims: Any) -> dict[str, str]:
    said = {"sub": "ann", "device_id": "tv", "exp": int(time.time()) + 600, **claims}
    return {"Authorization": f"Bearer {jwt.encode(said, key, algorithm, {} if kid is None else {'kid': kid})}"}


@pytest.fixture
async def issuer() -> AsyncIterator[KeyIssuer]:
    async with key_issuer() as issuer:
        issuer.publish(public_jwk(STOLEN, kid="stolen"), public_jwk(SAFE, kid="safe"))
        yield issuer


@pytest.fixture
def daemon(start_daemon: StartDaemon, issuer: KeyIssuer) -> DaemonProcess:
    return start_daemon("--jwks-url", issuer.url, "--log-format", "json", secret=None)


async def status(http: aiohttp.ClientSession, daemon: DaemonProcess, headers: dict[str, str]) -> int:
    async with http.get(daemon.url + WATCHLIST, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("kid", ["new", "stolen"])
async def test_a_key_that_is_withdrawn_or_replaced_ends_its_sockets_and_tokens_and_no_others(
    http: aiohttp.ClientSession, daemon: DaemonProcess, issuer: KeyIssuer, kid: str
) -> None:
    stolen, safe = bearer(STOLEN, "stolen"), bearer(SAFE, "safe", sub="bob")
    sockets = [await connect(daemon.ws_url, additional_headers=stolen) for _ in range(3)]
    innocent = await connect(daemon.ws_url, additional_headers=safe)
    stream = await http.get(daemon.url + "/api/v1/sync/stream", headers=stolen)
    assert await status(http, daemon, stolen) == 200
    issuer.publish(public_jwk(NEW, kid=kid), public_jwk(SAFE, kid="renamed"))
    assert await status(http, daemon, bearer(NEW, kid)) == 200  # it makes the daemon look
    assert [await close_code(socket) for socket in sockets] == [4500, 4500, 4500]
    assert [event.content["code"] for event in await EventReader(stream).rest()] == [4500]
    assert await status(http, daemon, stolen) == 401
    with pytest.raises(InvalidStatus, match="401"):
        await connect(daemon.ws_url, additional_headers=stolen)
    await innocent.send('{"type":"ping"}')
    assert json.loads(await innocent.recv()) == {"type": "pong"}
    assert await status(http, daemon, safe) == 200  # remembered, and its key is the same
    await innocent.close()


async def test_a_withdrawn_key_ends_its_sockets_though_nobody_comes(daemon: DaemonProcess, issuer: KeyIssuer) -> None:
    """Takes as long as the timer's period, which is not to be shortened: it is the promise."""
    async with connect(daemon.ws_url, additional_headers=bearer(STOLEN, "stolen")) as socket:
        issuer.publish(public_jwk(SAFE, kid="safe"))
        assert await close_code(socket) == 4500


async def test_while_the_issuer_is_away_nobody_is_refused_and_its_return_is_seen(
    start_daemon: StartDaemon, http: aiohttp.ClientSession, issuer: KeyIssuer
) -> None:
    issuer.stop()
    daemon = start_daemon("--jwks-url", issuer.url, secret=None)
    headers = bearer(SAFE, "safe")
    async with http.get(daemon.url + WATCHLIST, headers=headers) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "2")
        assert "issuer of the keys is away" in (await response.json(content_type=None))["detail"]
    with pytest.raises(InvalidStatus) as refused:
        await connect(daemon.ws_url, additional_headers=headers)
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "2"
    async with http.get(daemon.url + "/ready") as response:
        assert response.status == 503
        assert "refused" in (await response.json())["problems"]["issuer"]
    assert await figure(http, daemon, "syncd_issuer_up") == 0
    assert await figure(http, daemon, "syncd_tokens_undecided_total") == 2
    await issuer.start()
    async with asyncio.timeout(TIMEOUT_S):
        while await status(http, daemon, headers) != 200:
            await asyncio.sleep(0.1)
    async with http.get(daemon.url + "/ready") as response:
        assert (response.status, await response.json()) == (200, {"status": "ready", "problems": {}})
    assert await figure(http, daemon, "syncd_issuer_up") == 1
    log = daemon.log.read_text()
    assert log.count("the issuer's keys cannot be fetched") == 1
    assert log.count("the issuer's keys can be fetched again") == 1


async def figure(http: aiohttp.ClientSession, daemon: DaemonProcess, name: str) -> float:
    async with http.get(daemon.url + "/metrics") as response:
        (line,) = [line for line in (await response.text()).splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


async def test_keys_of_every_type_stand_in_one_set_with_and_without_ids(
    http: aiohttp.ClientSession, daemon: DaemonProcess, issuer: KeyIssuer
) -> None:
    curve, edwards = ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()
    unusable: list[dict[str, Any]] = [{"kty": "oct", "k": "c2VjcmV0"}, public_jwk(NEW, kid="new", use="enc"), {}]
    issuer.publish(*unusable, public_jwk(SAFE), public_jwk(curve, kid="e"), public_jwk(edwards, kid="d", alg="EdDSA"))
    for key, kid, algorithm in (
        (SAFE, None, "RS512"),
        (SAFE, "any", "PS256"),
        (curve, "e", "ES384"),
        (edwards, None, "EdDSA"),
    ):
        assert await status(http, daemon, bearer(key, kid, algorithm)) == 200
    assert await status(http, daemon, bearer(NEW, "new")) == 401


async def test_an_issuer_that_refuses_the_names_of_libraries_is_no_obstacle(
    http: aiohttp.ClientSession, daemon: DaemonProcess, issuer: KeyIssuer
) -> None:
    assert await status(http, daemon, bearer(SAFE, "safe")) == 200
    assert all("\r\nUser-Agent: syncd/" in request for request in issuer.requests)
