"""The routes of a user's devices: which there are, and what they are called."""

from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from actors.messages.change import shown_data
from actors.messages.collections import DEVICES
from actors.messages.device_registers import description, time_text
from actors.messages.devices import Devices, KnownDevice, ReadDevices
from actors.messages.failures import ReadFailed
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.names import NAME_RULE, is_name
from actors.messages.registers import RegisterChange
from actors.runtime import LoopFuture
from transport.access.authentication import Claims
from transport.errors import Problem
from transport.http.exchange.answer_deadlines import with_deadline
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.requests import (
    MAX_WRITE_BYTES,
    DeviceRequest,
    authenticated,
    decode,
    read_body,
)
from transport.http.exchange.responses import DevicesResponse, ListedDevice, json_response
from transport.http.routes.deps import ApiDeps
from transport.http.routes.reads import OF_A_USER, read_answer
from transport.wire.problems import unavailable

UNKNOWN: Final = "unknown"
"""The type and the platform of a device that has not said them: documented clients expect a text."""

NO_SUCH_DEVICE: Final = "device_id: there is no such device."

_FIELDS: Final = msgspec.json.Decoder(DeviceRequest)


class DeviceRoutes:
    """Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps

    async def devices(self, request: HttpRequest) -> Response:
        """Return the user's devices."""
        claims = await authenticated(request, self._deps.authenticator)
        self._deps.quotas.acquire_read(claims.user_id, self._deps.now_s())
        listed = await self._listed(claims.user_id)
        return json_response(DevicesResponse(listed, len(listed)), headers=OF_A_USER)

    async def put(self, request: HttpRequest) -> Response:
        """Change what is known of the device that the path names."""
        claims, device_id = await self._of_device(request)
        asked = decode(_FIELDS.decode, await read_body(request, MAX_WRITE_BYTES, self._deps.authenticator))
        await self._write(claims, description(device_id, asked))
        for device in await self._listed(claims.user_id):
            if device.device_id == device_id:
                return json_response(device)
        raise Problem(HTTPStatus.NOT_FOUND, NO_SUCH_DEVICE)

    async def forget(self, request: HttpRequest) -> Response:
        """Forget the device that the path names."""
        claims, device_id = await self._of_device(request)
        await self._write(claims, RegisterChange(key=device_id, says=None))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _of_device(self, request: HttpRequest) -> tuple[Claims, str]:
        claims = await authenticated(request, self._deps.authenticator)
        device_id = request.last_segment
        if not is_name(device_id):
            raise Problem(HTTPStatus.BAD_REQUEST, f"device_id: must be {NAME_RULE}.")
        self._deps.quotas.acquire_messages(claims.user_id, 1, self._deps.now_s())
        return claims, device_id

    async def _listed(self, user_id: str) -> tuple[ListedDevice, ...]:
        pending: LoopFuture[Devices | ReadFailed] = LoopFuture()
        self._deps.journal(ReadDevices(user_id, pending.set))
        found = await read_answer(self._deps, pending)
        return tuple(map(_listed, found.devices))

    async def _write(self, claims: Claims, change: RegisterChange) -> None:
        """Have ``change`` done. Raises: Problem, it was not."""
        pending: LoopFuture[Outcome] = LoopFuture()
        self._deps.write(
            DeviceWrite(
                user_id=claims.user_id,
                device_id=claims.device_id,
                change=change,
                answer=pending.set,
                collection=DEVICES,
            )
        )
        outcome = await with_deadline(pending, self._deps.answer_timeout_s)
        reason = outcome.reason or "The write was not accepted."
        if outcome.retry_after_s is not None:
            raise unavailable(reason, outcome.retry_after_s)
        if outcome.status is Status.REFUSED:
            raise Problem(HTTPStatus.BAD_REQUEST, reason)
        if outcome.status is Status.NOT_FOUND:
            raise Problem(HTTPStatus.NOT_FOUND, NO_SUCH_DEVICE)


def _listed(device: KnownDevice) -> ListedDevice:
    return ListedDevice(
        device_id=device.device_id,
        device_type=device.fields.device_type or UNKNOWN,
        platform=device.fields.platform or UNKNOWN,
        is_online=bool(device.nodes),
        last_seen=time_text(device.last_seen_ms),
        device_name=device.fields.device_name or device.device_id,
        capabilities=shown_data(device.fields.capabilities),
    )
