"""Tells the operator's page how to get a token that this daemon accepts: anybody may ask, so it holds no secret."""

from msgspec import Struct
from starlette.responses import Response

from transport.http.exchange.app import HttpRequest, Routes
from transport.http.exchange.responses import json_response


class TokenHelp(Struct, frozen=True):
    """``command``: what makes the token, for a shell; ``None``: nothing here makes one."""

    text: str
    command: str | None


def token_help_routes(told: TokenHelp) -> Routes:
    """Return ``GET /page/token-help.json``, beside the page's files."""

    async def token_help(_request: HttpRequest) -> Response:
        return json_response(told, headers={"Cache-Control": "no-store"})

    return {"/page/token-help.json": {"GET": token_help}}
