"""A backend that writes for a user over HTTP, and repeats a write until it knows what became of it."""

import asyncio
from typing import Final

import msgspec

from simulation.client_deps import ClientDeps
from simulation.http_client import Response, exchange
from simulation.node import TOKEN_S, SimulatedNode, issue_token
from simulation.wall_clock import START_S
from simulation.witness import Answer, Wanted

PATH: Final = "/api/v1/sync/watchlist"
RETRY_S: Final = 1.0


class Backend:
    """Writes for users; each write goes on until it is decided.

    Args:
        deps: of all clients.
        must_be_answered: whether each request must be: no node and no database is ever missing.
    """

    def __init__(self, deps: ClientDeps, *, must_be_answered: bool) -> None:
        self._deps = deps
        self._must_be_answered = must_be_answered
        self._count = 0
        self._tasks: dict[asyncio.Task[None], None] = {}

    @property
    def is_settled(self) -> bool:
        """Whether every write is decided."""
        return not self._tasks

    def write(self, user_id: str, action: str, content_id: str) -> None:
        """Begin a write."""
        self._count += 1
        operation_id = f"backend.{self._count}"
        self._deps.witness.wanted[user_id, operation_id] = Wanted(operation_id, action, content_id, None)
        self._deps.log.note("backend", f"{action} {content_id[-4:]} for {user_id} as {operation_id}")
        self._begin(user_id, operation_id, action, content_id)

    def repeat(self, user_id: str, operation_id: str) -> None:
        """Begin a write of anybody's again."""
        wanted = self._deps.witness.wanted[user_id, operation_id]
        self._deps.log.note("backend", f"repeats {operation_id} for {user_id}")
        self._begin(user_id, operation_id, wanted.action, wanted.content_id)

    async def list(self, user_id: str, node: SimulatedNode) -> frozenset[str] | None:
        """Return the user's list as ``node`` tells it; ``None``: it did not."""
        response = await self._ask(node, "GET", user_id, b"")
        if response is None or response.status != 200:
            return None
        return frozenset(item["content_id"] for item in response.body["items"])

    def _begin(self, user_id: str, operation_id: str, action: str, content_id: str) -> None:
        task = self._deps.loop.create_task(self._write(user_id, operation_id, action, content_id))
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._deps.witness.violate(f"the backend failed: {error!r}")

    async def _write(self, user_id: str, operation_id: str, action: str, content_id: str) -> None:
        wish = {"operation": action, "content_id": content_id, "operation_id": operation_id}
        body = msgspec.json.encode(wish)
        repeats_anyway = self._deps.rng.random() < 0.2
        while True:
            response = await self._ask(self._deps.choose(), "POST", user_id, body)
            status = None if response is None else response.status
            self._deps.log.note("backend", f"{operation_id} got {status}")
            if response is not None and status == 200:
                answer = Answer(response.body["status"], response.body.get("revision"))
                self._deps.witness.answered(user_id, operation_id, answer)
            elif status == 404:
                self._deps.witness.answered(user_id, operation_id, Answer("not_found", None))
            elif status not in (None, 503) or self._must_be_answered:
                self._deps.witness.violate(f"{user_id} {operation_id} got {response}")
                return
            if status in (200, 404):
                if not repeats_anyway:
                    return
                repeats_anyway = False
            await asyncio.sleep(RETRY_S * (1 + self._deps.rng.random()))

    async def _ask(self, node: SimulatedNode, method: str, user_id: str, body: bytes) -> Response | None:
        token = issue_token(user_id, "backend", START_S + TOKEN_S, "backend")
        return await exchange(self._deps, node, f"{method} {PATH}", token, body)
