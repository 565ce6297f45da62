"""A backend that writes for a user over HTTP, and repeats a write until it knows what became of it."""

import asyncio
from collections.abc import Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from simulation.client_deps import ClientDeps
from simulation.clock.wall_clock import START_S
from simulation.judges.lines import line_of
from simulation.judges.registers import Value, Word, stamp_of, value_of
from simulation.judges.witness import Answer, Item, Wanted, carried
from simulation.node import SimulatedNode
from simulation.people.http_client import Response, exchange
from simulation.tokens import TOKEN_S, issue_token

PATH: Final = "/api/v1/sync/watchlist"
LISTS: Final = "/api/v1/sync/lists"
PROGRESS_PATH: Final = "/api/v1/sync/progress"
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

    def write(
        self,
        user_id: str,
        action: str,
        content_id: str,
        list_id: str | None = None,
        says: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Begin a write to a list; ``None``: to the watchlist."""
        self._count += 1
        operation_id = f"backend.{self._count}"
        wanted = Wanted(operation_id, action, content_id, None, list_id, dict(says))
        self._deps.witness.wanted[user_id, operation_id] = wanted
        where = "" if list_id is None else f" in {list_id}"
        self._deps.log.note("backend", f"{action} {content_id[-4:]}{where} for {user_id} as {operation_id}")
        self._begin(self._write(user_id, operation_id, wanted))

    def play(self, user_id: str, content_id: str) -> None:
        """Begin to say how far a content was played, by a stamp of its own: few of them come in order."""
        rng = self._deps.rng
        self._count += 1
        operation_id, position = f"backend.{self._count}", rng.randrange(100)
        physical = int((START_S + self._deps.loop.time() - rng.random() * 5) * 1000)
        word = Word(content_id, {"position": position, "state": "stopped"}, stamp_of(physical, self._count, "backend"))
        self._deps.witness.registers.words[user_id, operation_id] = word
        self._deps.log.note("backend", f"plays {content_id[-4:]} for {user_id} as {operation_id}")
        body: dict[str, Any] = {"content_id": content_id, "position_seconds": position, "state": "stopped"}
        body["timestamp"] = {"physical": physical, "logical": self._count, "node": "backend"}
        self._begin(self._play(user_id, body | {"operation_id": operation_id}))

    def delete_list(self, user_id: str, list_id: str) -> None:
        """Begin to delete a list."""
        self._deps.log.note("backend", f"deletes {list_id} for {user_id}")
        self._begin(self._delete(user_id, list_id))

    def repeat(self, user_id: str, operation_id: str) -> None:
        """Begin a write of anybody's again."""
        wanted = self._deps.witness.wanted[user_id, operation_id]
        self._deps.log.note("backend", f"repeats {operation_id} for {user_id}")
        self._begin(self._write(user_id, operation_id, wanted))

    async def list(self, user_id: str, node: SimulatedNode, list_id: str | None) -> frozenset[Item] | None:
        """Return a list of the user as ``node`` tells it; ``None``: it did not."""
        response = await self._ask(node, f"GET {_path(list_id)}", user_id)
        if response is None or response.status != 200:
            return None
        return frozenset((item["content_id"], carried(item)) for item in response.body["items"])

    def _begin(self, call: Coroutine[None, None, None]) -> None:
        task = self._deps.loop.create_task(call)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._deps.witness.violate(f"the backend failed: {error!r}")

    async def _write(self, user_id: str, operation_id: str, wanted: Wanted) -> None:
        wish = {"operation": wanted.action, "content_id": wanted.content_id, "operation_id": operation_id}
        body = msgspec.json.encode(wish | wanted.says)
        repeats_anyway = self._deps.rng.random() < 0.2
        while True:
            response = await self._ask(self._deps.choose(), f"POST {_path(wanted.list)}", user_id, body)
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

    async def _delete(self, user_id: str, list_id: str) -> None:
        line = line_of(user_id, list_id)
        while True:
            self._deps.witness.deletes(line, is_done=False)
            response = await self._ask(self._deps.choose(), f"DELETE {_path(list_id)}", user_id)
            if response is not None and response.status in (204, 404):
                if response.status == 204:
                    self._deps.witness.deletes(line, is_done=True)
                return
            if self._must_be_answered or (response is not None and response.status != 503):
                self._deps.witness.violate(f"{user_id}: deleting {list_id} got {response}")
                return
            await asyncio.sleep(RETRY_S * (1 + self._deps.rng.random()))

    async def _play(self, user_id: str, body: dict[str, Any]) -> None:
        while True:
            response = await self._ask(self._deps.choose(), f"POST {PROGRESS_PATH}", user_id, msgspec.json.encode(body))
            if response is not None and response.status == 200:
                return
            if self._must_be_answered or (response is not None and response.status != 503):
                self._deps.witness.violate(f"{user_id} {body['operation_id']} got {response}")
                return
            await asyncio.sleep(RETRY_S * (1 + self._deps.rng.random()))

    async def progress(self, user_id: str, node: SimulatedNode) -> dict[str, Value] | None:
        """Return the user's progress as ``node`` tells it; ``None``: it did not."""
        response = await self._ask(node, f"GET {PROGRESS_PATH}", user_id)
        if response is None or response.status != 200:
            return None
        return {
            item["content_id"]: value_of(item["position_seconds"], item.get("duration_seconds") or 0, item["state"])
            for item in response.body["items"]
        }

    async def _ask(self, node: SimulatedNode, request: str, user_id: str, body: bytes = b"") -> Response | None:
        token = issue_token(user_id, "backend", START_S + TOKEN_S, "backend")
        return await exchange(self._deps, node, request, token, body)


def _path(list_id: str | None) -> str:
    return PATH if list_id is None else f"{LISTS}/{list_id}"
