"""Commands are counted by kind: handoffs, and whatever else apps call theirs."""

import pytest

from actors.messages.commands import SendCommand
from actors.messages.sync import DeviceCommand


@pytest.mark.parametrize(
    ("command", "kind"),
    [("handoff:0b0e6a4e-52a5-4a5b-9a1f-000000000001", "handoff"), ("seek", "other"), ("handoffs", "other")],
)
def test_a_handoff_is_told_from_other_commands(command: str, kind: str) -> None:
    ignored: list[str] = []
    assert SendCommand("ann", DeviceCommand(command, "tv"), ignored.append).kind == kind
