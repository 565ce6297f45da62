"""The part of the API document about devices names what the API takes and answers, and shows an example of each."""

from typing import Any

import msgspec
import pytest

from actors.messages.commands import CommandRequest
from transport.apidocs.openapi_devices import DEVICE_ID, DEVICE_TYPES, device_paths
from transport.http.exchange.requests import DeviceRequest, HandoffRequest
from transport.http.exchange.responses import CommandResponse, DevicesResponse, HandoffResponse, ListedDevice

PATHS = device_paths()
HAND_OFF = PATHS["/api/v1/devices/handoff"]["post"]
COMMAND = PATHS["/api/v1/devices/commands"]["post"]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (PATHS["/api/v1/devices"]["get"]["responses"]["200"], DevicesResponse),
        (PATHS["/api/v1/devices/{device_id}"]["put"]["requestBody"], DeviceRequest),
        (PATHS["/api/v1/devices/{device_id}"]["put"]["responses"]["200"], ListedDevice),
        (HAND_OFF["requestBody"], HandoffRequest),
        (HAND_OFF["responses"]["200"], HandoffResponse),
        (COMMAND["requestBody"], CommandRequest),
        (COMMAND["responses"]["200"], CommandResponse),
    ],
)
def test_its_examples_decode_as_what_they_are_of(part: dict[str, Any], kind: type) -> None:
    assert kind in DEVICE_TYPES
    ((_, example),) = part["content"]["application/json"]["examples"].items()
    text = msgspec.json.encode(example["value"])
    assert msgspec.json.encode(msgspec.json.decode(text, type=kind, strict=True)) == text


def test_every_operation_on_a_device_says_which() -> None:
    operations = PATHS["/api/v1/devices/{device_id}"]
    assert operations.keys() == {"put", "delete"}
    assert all(operation["parameters"] == [DEVICE_ID] for operation in operations.values())
