"""A user's devices in ``/openapi.json``, from the types of ``transport/http/routes/devices.py``."""

from typing import Final

from actors.messages.commands import CommandRequest
from actors.messages.names import MAX_NAME_LENGTH
from transport.apidocs.examples import CONTENT_ID
from transport.apidocs.openapi_parts import ANY_BODY, Json, answer, body, of_a_user, problems
from transport.http.exchange.requests import MAX_WRITE_BYTES, DeviceRequest, HandoffRequest
from transport.http.exchange.responses import CommandResponse, DevicesResponse, HandoffResponse, ListedDevice

DEVICE_TYPES: Final = (
    CommandRequest,
    CommandResponse,
    DeviceRequest,
    DevicesResponse,
    HandoffRequest,
    HandoffResponse,
    ListedDevice,
)

DEVICE_ID: Final = {
    "name": "device_id",
    "in": "path",
    "required": True,
    "description": "Which device.",
    "schema": {"type": "string", "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$", "maxLength": MAX_NAME_LENGTH},
    "example": "tv",
}
_DEVICE: Final = {
    "device_id": "tv", "device_type": "tv", "platform": "webos", "is_online": True,
    "last_seen": "2026-11-26T12:00:00.000+00:00", "device_name": "Living room",
}  # fmt: skip
_HANDOFF: Final = {"target_device_id": "tv", "content_id": CONTENT_ID}


def device_paths() -> Json:
    """Return the paths."""
    return {
        "/api/v1/devices": {"get": _read_devices()},
        "/api/v1/devices/{device_id}": {"put": _put_device(), "delete": _forget_device()},
        "/api/v1/devices/handoff": {"post": _hand_off()},
        "/api/v1/devices/commands": {"post": _command()},
    }


def _read_devices() -> Json:
    example = {"devices": [_DEVICE], "total": 1}
    return of_a_user(
        "readDevices",
        "Read which devices the user has, and which are connected, to whichever node.",
        responses={"200": answer("The devices.", "DevicesResponse", example)},
    )


def _put_device() -> Json:
    return of_a_user(
        "putDevice",
        "Change what is known of a device.",
        parameters=[DEVICE_ID],
        requestBody=body("DeviceRequest", f"At most {MAX_WRITE_BYTES} bytes.", {"device_name": "Living room"}),
        responses={"200": answer("What is known now.", "ListedDevice", _DEVICE)} | problems("404", *ANY_BODY),
    )


def _forget_device() -> Json:
    return of_a_user(
        "forgetDevice",
        "Forget a device, until it connects again: its tokens stay valid.",
        parameters=[DEVICE_ID],
        responses={"204": {"description": "It is forgotten."}} | problems("404"),
    )


def _hand_off() -> Json:
    example = {"success": True, **_HANDOFF, "position_seconds": 90.5}
    return of_a_user(
        "handOff",
        "Have a device go on with what is played on another.",
        requestBody=body("HandoffRequest", f"At most {MAX_WRITE_BYTES} bytes.", _HANDOFF),
        responses={"200": answer("It was told so.", "HandoffResponse", example)} | problems("404", *ANY_BODY),
    )


def _command() -> Json:
    asked = {"target_device_id": "tv", "command_type": "seek", "payload": {"position_seconds": 90}}
    example = {"success": True, "target_device_id": "tv", "command_type": "seek", "status": "sent"}
    return of_a_user(
        "sendCommand",
        "Have a device do something, if it is connected.",
        requestBody=body("CommandRequest", f"At most {MAX_WRITE_BYTES} bytes.", asked),
        responses={"200": answer("It is on its way.", "CommandResponse", example)} | problems("404", *ANY_BODY),
    )
