import pytest

from tests.transport.http.lone_api import client
from transport.http.exchange.app import HttpApp
from transport.http.routes.device_tokens import device_token_routes

APP = HttpApp(device_token_routes("demo", lambda device: f"token of {device}"))


@pytest.mark.parametrize(
    "host", ["localhost:8083", "tv.localhost:8083", "127.0.0.1:8083", "192.168.1.7", "[::1]:8083", "LOCALHOST"]
)
async def test_the_page_of_the_service_gets_a_token_at_an_address_that_nobody_else_can_have(host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    async with client(APP) as page:
        answer = await page.post("/dev/token", json={"device": "tv"}, headers=headers)
    assert answer.json() == {"user_id": "demo", "token": "token of tv"}
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost", None),
        ("localhost", "null"),
        ("localhost", "http://attacker.example"),
        ("localhost:8083", "http://localhost:9000"),
        ("attacker.example", "http://attacker.example"),
        ("localhost.attacker.example", "http://localhost.attacker.example"),
        ("", ""),
        ("localhost", "http://["),
        ("[host]", "http://[host]"),
    ],
)
async def test_pages_of_other_origins_get_no_token(host: str, origin: str | None) -> None:
    headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
    async with client(APP) as page:
        answer = await page.post("/dev/token", json={"device": "tv"}, headers=headers)
    assert answer.status_code == 403
    assert "token of" not in answer.text


@pytest.mark.parametrize("body", [b"{}", b'{"device":""}', b'{"device":7}', b"tv"])
async def test_a_token_is_for_a_named_device(body: bytes) -> None:
    async with client(APP) as page:
        answer = await page.post(
            "/dev/token", content=body, headers={"Host": "localhost", "Origin": "http://localhost"}
        )
    assert answer.status_code == 400
