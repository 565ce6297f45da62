"""Commands from device to device: what their target is shown, and what is too large to be carried."""

import msgspec
import pytest

from actors.messages.commands import MAX_PAYLOAD_BYTES, CommandRequest
from actors.messages.sync import DeviceCommand


def test_the_target_is_shown_who_asks_for_what() -> None:
    asked = CommandRequest("tv", "seek", {"position_seconds": 90})
    shown = DeviceCommand("seek", "tv", payload={"position_seconds": 90}, from_device_id="phone")
    assert asked.shown_from("phone") == shown


@pytest.mark.parametrize(("length", "is_taken"), [(MAX_PAYLOAD_BYTES - 2, True), (MAX_PAYLOAD_BYTES - 1, False)])
def test_a_payload_has_a_bound_in_bytes_of_json(length: int, *, is_taken: bool) -> None:
    body = {"target_device_id": "tv", "command_type": "say", "payload": "x" * length}
    if is_taken:
        assert msgspec.convert(body, CommandRequest).payload == "x" * length
        return
    with pytest.raises(msgspec.ValidationError, match="payload: must be at most 4096 bytes"):
        msgspec.convert(body, CommandRequest)
