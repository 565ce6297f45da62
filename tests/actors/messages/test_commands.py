"""Commands from device to device: what their target is shown, what is too large, and which kind each counts as."""

import msgspec
import pytest

from actors.messages.commands import MAX_PAYLOAD_BYTES, CommandRequest, SendCommand
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


@pytest.mark.parametrize(
    ("command", "kind"),
    [("handoff:0b0e6a4e-52a5-4a5b-9a1f-000000000001", "handoff"), ("seek", "other"), ("handoffs", "other")],
)
def test_a_handoff_is_told_from_other_commands(command: str, kind: str) -> None:
    ignored: list[str] = []
    assert SendCommand("ann", DeviceCommand(command, "tv"), ignored.append).kind == kind
