"""Who is refused a connection over HTTP: those who would be refused a WebSocket, in the same words."""

import asyncio

import httpx
import pytest

from tests.daemon import SECRET, token
from tests.fakes.late_keys import LateKeys
from tests.transport.http.lone_api import api_deps, client
from transport.access.authentication import Authenticator
from transport.access.limits import Limits
from transport.access.minting import mint
from transport.access.signing_keys import shared_secret
from transport.http.api import http_api

TOKEN = token()
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAGE = "https://tv.example"


async def asked(headers: dict[str, str] | list[tuple[str, str]], path: str = "/ws") -> httpx.Response:
    async with client(http_api(api_deps(allowed_origins=(PAGE,))).app) as api:
        return await api.get(path, headers=headers)


@pytest.mark.parametrize(
    ("headers", "path", "status", "names"),
    [
        ({}, "/ws", 401, "Authorization: Bearer"),
        ({"Authorization": "Bearer nonsense"}, "/ws", 401, "malformed"),
        ({"Authorization": f"Bearer {'x' * 9_000}"}, "/ws", 401, "longer than 8192 characters"),
        ({"Authorization": f"Bearer {mint(SECRET, 'ann', 'tv', -5)}"}, "/ws", 401, "expired"),
        ([("Authorization", f"Bearer {TOKEN}")] * 2, "/ws", 400, "one token"),
        ({**BEARER, "Sec-WebSocket-Protocol": f"bearer.{TOKEN}"}, "/ws", 400, "one token"),
        ({**BEARER, "Origin": "https://evil.example"}, "/ws", 403, "origin"),
        (BEARER, "/ws?since=x", 400, "since: "),
        (BEARER, f"/ws?token={TOKEN}", 400, "token in the URL"),
    ],
)
async def test_a_request_that_is_wrong_is_refused_with_a_problem_that_names_it(
    headers: dict[str, str], path: str, status: int, names: str
) -> None:
    response = await asked(headers, path)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert names in response.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {**BEARER, "Origin": PAGE},
        {**BEARER, "Origin": "http://daemon"},
        {"Sec-WebSocket-Protocol": f"syncd.v1, bearer.{TOKEN}"},
    ],
)
async def test_a_request_that_is_in_order_passes(headers: dict[str, str]) -> None:
    assert (await asked(headers, "/ws?since=3&snapshot=pieces")).status_code == 426


@pytest.mark.parametrize("is_known", [True, False])
async def test_an_unknown_key_is_fetched_first(is_known: bool) -> None:
    keys = LateKeys(shared_secret(SECRET) if is_known else None)
    async with client(http_api(api_deps(authenticator=Authenticator(keys))).app) as api:
        asking = asyncio.create_task(api.get("/ws", headers=BEARER))
        await keys.asked.wait()
        keys.answered.set()
        response = await asking
    assert response.status_code == (426 if is_known else 503)
    assert ("Retry-After" in response.headers) is not is_known


@pytest.mark.parametrize(
    ("limits", "path", "statuses"),
    [
        (Limits(max_connections=0), "/ws", (503, 503)),
        (Limits(max_connections_per_user=0), "/ws", (429, 429)),
        (Limits(max_connections=1), "/ws", (426, 426)),
        (Limits(reads_per_second=0.01, read_burst=1), "/ws?since=3", (426, 429)),
    ],
)
async def test_a_limit_refuses_as_it_would_a_websocket_and_asking_takes_no_place(
    limits: Limits, path: str, statuses: tuple[int, int]
) -> None:
    async with client(http_api(api_deps(limits=limits)).app) as api:
        answers = [await api.get(path, headers=BEARER) for _ in statuses]
    assert tuple(answer.status_code for answer in answers) == statuses
    assert all(answer.json().get("code") == "quota_exceeded" for answer in answers if answer.status_code != 426)
