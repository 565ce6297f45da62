"""The routes by which a user has one device do something: a command, or playback that is to go on there."""

from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from actors.messages.collections import PROGRESS
from actors.messages.commands import HANDOFF, WHY_LATER, CommandOutcome, CommandRequest, SendCommand
from actors.messages.failures import ReadFailed
from actors.messages.registers import ReadRegister, RegisterFound
from actors.messages.sync import DeviceCommand
from actors.runtime import LoopFuture
from transport.access.authentication import Claims
from transport.access.limits import too_many
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import RETRY_AFTER_S, with_deadline
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.requests import MAX_WRITE_BYTES, HandoffRequest, authenticated, decode, read_body
from transport.http.exchange.responses import CommandResponse, HandoffResponse, json_response
from transport.http.routes.deps import ApiDeps
from transport.http.routes.reads import read_answer
from transport.wire.problems import unavailable

_COMMAND: Final = msgspec.json.Decoder(CommandRequest)
_HANDOFF: Final = msgspec.json.Decoder(HandoffRequest)


class CommandRoutes:
    """Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def command(self, request: HttpRequest) -> Response:
        """Have a device do what the body says, as by ``device_command`` over a WebSocket."""
        claims, body = await self._asked(request)
        asked = decode(_COMMAND.decode, body)
        await self._send(claims, asked.shown_from(claims.device_id), asked.target_device_id)
        return json_response(
            CommandResponse(
                success=True, target_device_id=asked.target_device_id, command_type=asked.command_type, status="sent"
            )
        )

    async def handoff(self, request: HttpRequest) -> Response:
        """Have a device go on with what is played on another."""
        claims, body = await self._asked(request)
        asked = decode(_HANDOFF.decode, body)
        content_id = self._canonical(asked.content_id)
        position_s = await self._position_s(claims.user_id, content_id)
        command = DeviceCommand(
            command=f"{HANDOFF}{content_id}",
            target_device=asked.target_device_id,
            position_seconds=position_s,
            from_device_id=claims.device_id,
        )
        await self._send(claims, command, asked.target_device_id)
        return json_response(
            HandoffResponse(
                success=True,
                target_device_id=asked.target_device_id,
                content_id=content_id,
                position_seconds=position_s,
            )
        )

    async def _asked(self, request: HttpRequest) -> tuple[Claims, bytes]:
        claims = await authenticated(request, self._deps.authenticator)
        self._deps.quotas.acquire_messages(claims.user_id, 1, self._deps.now_s())
        return claims, await read_body(request, MAX_WRITE_BYTES, self._deps.authenticator)

    async def _send(self, claims: Claims, command: DeviceCommand, target_device_id: str) -> None:
        pending: LoopFuture[CommandOutcome] = LoopFuture()
        self._deps.send_command(SendCommand(claims.user_id, command, pending.set))
        _check(await with_deadline(pending, self._deps.answer_timeout_s), target_device_id)

    def _canonical(self, content_id: str) -> str:
        try:
            return self._deps.content_ids.canonical(content_id)
        except ValueError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"{error}.") from None

    async def _position_s(self, user_id: str, content_id: str) -> float | None:
        pending: LoopFuture[RegisterFound | ReadFailed] = LoopFuture()
        self._deps.journal(ReadRegister(user_id, PROGRESS, content_id, pending.set))
        found = await read_answer(self._deps, pending)
        return None if found.update is None else found.update.values["position"]


def _check(outcome: CommandOutcome, device_id: str) -> None:
    """Raises: Problem, the command was not sent."""
    match outcome:
        case "not_found":
            raise Problem(HTTPStatus.NOT_FOUND, f"target_device_id: there is no device {device_id}.")
        case "device_offline":
            detail = f"target_device_id: {device_id} is offline."
            raise Problem(HTTPStatus.BAD_REQUEST, detail, code=outcome, field="target_device_id")
        case "too_many":
            raise too_many(f"{WHY_LATER[outcome]}.", RETRY_AFTER_S)
        case "try_again_later" | "bus_unavailable" | "not_listening":
            raise unavailable(WHY_LATER[outcome], RETRY_AFTER_S)
        case "sent":
            return
