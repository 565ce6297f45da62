"""What no schema says of the channel's messages."""

import msgspec
import pytest

from actors.messages.channel import ChannelCommand, PubNubDeviceUpdate
from crdt.hlc import HLCTimestamp

STAMP = HLCTimestamp(1_764_000_000_000, 0, "n")


@pytest.mark.parametrize("text", [None, "null", '{"s":1.0}', '"☃"'])
def test_json_as_a_text_is_taken_as_it_is(text: str | None) -> None:
    update = PubNubDeviceUpdate(
        device_id="tv", operation="update", capabilities=text, timestamp=STAMP, revision=1, origin="a"
    )
    for message in (ChannelCommand("seek", payload=text), update):
        assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message


@pytest.mark.parametrize("text", ["", "{", "[" * 4_000, "{} {}"])
def test_a_text_that_is_no_json_is_none_of_theirs(text: str) -> None:
    with pytest.raises(ValueError, match="payload: must be JSON as a text"):
        ChannelCommand("seek", payload=text)
    with pytest.raises(ValueError, match="capabilities: must be JSON as a text"):
        PubNubDeviceUpdate(
            device_id="tv", operation="update", capabilities=text, timestamp=STAMP, revision=1, origin="a"
        )


def test_a_command_may_be_a_handoff_of_any_content() -> None:
    for length, is_taken in ((128, True), (129, False)):
        said = msgspec.json.encode({"command_type": "handoff:" + "☃" * length})
        try:
            msgspec.json.decode(said, type=ChannelCommand)
        except msgspec.ValidationError:
            assert not is_taken
        else:
            assert is_taken
