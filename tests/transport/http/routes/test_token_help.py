import json

from tests.transport.http.lone_api import client
from transport.http.exchange.app import HttpApp
from transport.http.routes.token_help import TokenHelp, token_help_routes


async def test_everybody_is_told_how_to_get_a_token_and_nobody_keeps_it() -> None:
    async with client(HttpApp(token_help_routes(TokenHelp("This makes one:", "syncd token")))) as browser:
        answer = await browser.get("/page/token-help.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert json.loads(answer.content) == {"text": "This makes one:", "command": "syncd token"}


async def test_where_nothing_makes_one_there_is_no_command() -> None:
    async with client(HttpApp(token_help_routes(TokenHelp("Ask your issuer.", None)))) as browser:
        assert (await browser.get("/page/token-help.json")).json() == {"text": "Ask your issuer.", "command": None}
