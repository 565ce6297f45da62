"""An operator's calls of the admin API: disconnect a user, revoke a token; judged by what the answer promises."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Final

import msgspec

from simulation.client_deps import ClientDeps
from simulation.clock.wall_clock import START_S
from simulation.devices.device import Device
from simulation.node import LOOK_S, SimulatedNode
from simulation.people.backend import PATH
from simulation.people.http_client import Response, exchange
from simulation.tokens import TOKEN_S, issue_token
from transport.http.routes.admin import PREFIX, SCOPE

RETRY_S: Final = 1.0
CLOSED_S: Final = 10.0
"""For a closing handshake that is slow."""


class Operator:
    """Calls any node; what it has to repeat it repeats."""

    def __init__(self, deps: ClientDeps) -> None:
        self._deps = deps
        self._token = issue_token("operator", "operator", START_S + TOKEN_S, "operator", SCOPE)
        self._tasks: dict[asyncio.Task[None], None] = {}

    @property
    def is_settled(self) -> bool:
        """Whether it waits for nothing."""
        return not self._tasks

    def disconnect(self, user_id: str, devices: Sequence[Device], nodes: Sequence[SimulatedNode]) -> None:
        """Begin to disconnect a user on all nodes."""
        self._begin(self._disconnect(user_id, devices, nodes))

    def revoke(self, token_id: str) -> None:
        """Begin to revoke a token; it is tried until it is kept."""
        self._begin(self._revoke(token_id))

    async def check_revoked(self, devices: Sequence[Device], nodes: Sequence[SimulatedNode]) -> None:
        """Try revoked tokens on all nodes, once all have looked for them: none may be accepted."""
        if self._deps.witness.revoked:
            await asyncio.sleep(LOOK_S)
        for device in devices:
            revoked = [token_id for token_id in device.token_ids if token_id in self._deps.witness.revoked]
            for token_id in revoked[-1:]:
                token = issue_token(device.user_id, device.name, START_S + TOKEN_S, token_id)
                for node in nodes:
                    response = await exchange(self._deps, node, f"GET {PATH}", token)
                    if response is None or response.status != 401:
                        self._deps.witness.violate(f"{node.place} answers {response} to {token_id}, which was revoked")

    def _begin(self, call: Coroutine[None, None, None]) -> None:
        task = self._deps.loop.create_task(call)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._deps.witness.violate(f"the operator failed: {error!r}")

    async def _disconnect(self, user_id: str, devices: Sequence[Device], nodes: Sequence[SimulatedNode]) -> None:
        theirs = [device for device in devices if device.user_id == user_id and not device.is_polling]
        had = [(device, device.attempt) for device in theirs if device.is_settled]
        response = await self._call("disconnect", {"user_id": user_id})
        if response is None or response.status != 200:
            return
        done, known = response.body["nodes"], response.body["known"]
        self._deps.log.note("operator", f"has disconnected {user_id} on {done} of {known} nodes")
        if not done == known == len(nodes):
            return  # it was told that some did not do it, or are not known
        await asyncio.sleep(CLOSED_S)
        if any(node.lives > 1 or node.was_paused for node in nodes):
            return  # who has answered is not known
        for device, attempt in had:
            link = None if attempt is None else attempt.connection
            if device.attempt is attempt and device.is_open and link is not None and link.is_fine:
                self._deps.witness.violate(f"{device.name} is still connected, and all nodes have disconnected it")

    async def _revoke(self, token_id: str) -> None:
        while True:
            response = await self._call("revoke", {"token_id": token_id})
            if response is not None and response.status == 200:
                break
            await asyncio.sleep(RETRY_S * (1 + self._deps.rng.random()))
        self._deps.witness.revoked |= {token_id}
        self._deps.log.note("operator", f"has revoked {token_id} on {response.body['nodes']} nodes")

    async def _call(self, name: str, asked: dict[str, str]) -> Response | None:
        request_line, body = f"POST {PREFIX}/{name}", msgspec.json.encode(asked)
        response = await exchange(self._deps, self._deps.choose(), request_line, self._token, body)
        if response is not None and response.status not in (200, 503):
            self._deps.witness.violate(f"{name} got {response}")
        return response
