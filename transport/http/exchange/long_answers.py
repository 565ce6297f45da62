"""Lists, which may be long: written as their client takes them, and counted while it does not."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from transport.access.limits import Quotas
from transport.http.exchange.responses import JSON_TYPE

SLICE_BYTES: Final = 64 * 1024
"""Written at once; what a client has not taken of it waits in its connection."""


class LongAnswer(Response):
    """JSON of any length for a user.

    Args:
        body: the JSON.
        headers: as of any response.
        quotas: counts what is unread.
        user_id: whose answer it is.

    Raises:
        Problem: a 429, too much is unread of this user's answers.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str], quotas: Quotas, user_id: str) -> None:
        quotas.check_unread(user_id)
        super().__init__(body, headers=headers, media_type=JSON_TYPE)
        self._quotas = quotas
        self._user_id = user_id

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return when all but the last part was taken, or nobody is there to take it."""
        body = self.body
        if len(body) <= SLICE_BYTES:
            await super().__call__(scope, receive, send)
            return
        self._quotas.begin_answer(self._user_id, len(body))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for at in range(0, len(body), SLICE_BYTES):
                end = at + SLICE_BYTES
                await send({"type": "http.response.body", "body": body[at:end], "more_body": end < len(body)})
        finally:
            self._quotas.end_answer(self._user_id, len(body))
