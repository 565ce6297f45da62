"""The WebSocket's path without an upgrade; who is refused there: test_device_requests.py."""

from tests.daemon import bearer
from tests.transport.http.lone_api import api_deps, client
from transport.http.api import http_api


async def test_who_could_have_a_websocket_is_asked_for_an_upgrade() -> None:
    async with client(http_api(api_deps()).app) as api:
        response = await api.get("/ws", headers=bearer())
        assert (response.status_code, response.headers["Upgrade"]) == (426, "websocket")
        refused = await api.get("/ws")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
