"""One device has another one do something: plain requests over HTTP, which are never queued or repeated."""

from typing import Any, Final

from msgspec import Struct

from syncd_client.data.item_fields import encode
from syncd_client.transport.requests import Ask, decoded

PATH: Final = "/api/v1/devices"


class _Sent(Struct):
    status: str


class _HandedOff(Struct):
    position_seconds: int | float | None


async def send(ask: Ask, target_device_id: str, command_type: str, payload: object = None) -> None:
    """Send a command to a device.

    Raises:
        RequestFailedError: the service cannot deliver it.
        TypeError: ``payload`` is not what JSON can hold.
    """
    command: dict[str, Any] = {"target_device_id": target_device_id, "command_type": command_type}
    if payload is not None:
        command["payload"] = payload
    decoded(await ask("POST", f"{PATH}/commands", encode(command)), _Sent)


async def handoff(ask: Ask, target_device_id: str, content_id: str) -> int | float | None:
    """Have a device go on with a content; return from which second, ``None``: that is not known.

    Raises:
        RequestFailedError: the service cannot deliver it.
    """
    body = encode({"target_device_id": target_device_id, "content_id": content_id})
    return decoded(await ask("POST", f"{PATH}/handoff", body), _HandedOff).position_seconds
