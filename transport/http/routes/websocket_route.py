"""The path of the WebSocket, for requests that ask for no upgrade, or lost it on their way."""

from http import HTTPStatus

from starlette.responses import Response

from transport.errors import Problem
from transport.http.exchange.app import HttpRequest
from transport.http.routes.deps import ApiDeps
from transport.http.streams.device_requests import judged
from transport.wire.query import resume_query


class WebSocketRoute:
    """Says why no WebSocket can be had: browsers show a page no answer to its upgrade. Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def get(self, request: HttpRequest) -> Response:
        """Refuse as the request for a WebSocket would be; if it would not, ask for the upgrade.

        Raises:
            Problem: always.
        """
        deps = self._deps
        claims, resume = await judged(request, deps.authenticator, deps.allowed_origins, resume_query)
        if resume.is_resuming:
            deps.quotas.acquire_read(claims.user_id, deps.now_s())
        deps.quotas.connect(claims.user_id)
        deps.quotas.disconnect(claims.user_id)
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        raise Problem(HTTPStatus.UPGRADE_REQUIRED, "Open a WebSocket here; /asyncapi.json describes it.", headers)
