"""What is said of a device, in each of its forms."""

import msgspec
import pytest

from actors.messages.collections import DEVICES, line_of
from actors.messages.device_registers import (
    DeviceChange,
    DeviceItem,
    channel_form,
    description,
    device_form,
    hint,
    item_form,
    shown,
    state_of,
)
from actors.messages.devices import DeviceFields, DeviceSeen
from actors.messages.registers import RegisterUpdate, Values
from actors.messages.sync import DeviceUpdate
from crdt.hlc import HLCTimestamp

STAMP = HLCTimestamp(1_764_000_000_000, 3, "node-a")
SAID: Values = {"device_name": "TV", "capabilities": {"stars": 4.5}}
VALUES: Values = {"known": True, **SAID}


def update(values: Values) -> RegisterUpdate:
    line = line_of("ann", DEVICES)
    return RegisterUpdate(line=line, revision=7, key="tv", values=values, timestamp=STAMP, device_id="phone")


def test_whatever_is_said_of_a_device_says_that_it_is_known() -> None:
    decode = msgspec.json.Decoder(DeviceChange).decode
    change = decode(b'{"device_id":"tv","device_name":"TV","timestamp":17,"operation_id":"a"}').register_change()
    assert (change.key, change.says) == ("tv", {"known": True, "device_name": "TV"})
    assert (change.timestamp, change.operation_id) == (17, "a")
    assert decode(b'{"device_id":"tv","operation":"remove"}').register_change().says is None
    assert description("tv", DeviceFields()).says == {"known": True}


@pytest.mark.parametrize("body", [b"{}", b'{"device_id":""}', b'{"device_id":"tv","platform":7}'])
def test_what_is_no_change_of_a_device_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=DeviceChange)


def test_devices_are_shown_what_is_said_and_not_that_it_is_known() -> None:
    expected = DeviceUpdate(device_id="tv", action="update", **SAID, revision=7, timestamp=STAMP)
    assert device_form(update(VALUES)) == expected
    assert device_form(update({})) == DeviceUpdate(device_id="tv", action="remove", revision=7, timestamp=STAMP)
    assert item_form(update(VALUES)) == DeviceItem(device_id="tv", **SAID, timestamp=STAMP)
    assert state_of(VALUES) == ""  # which is not that it was removed


@pytest.mark.parametrize("values", [VALUES, {"known": True}, {}])
def test_devices_of_other_nodes_are_shown_the_same(values: Values) -> None:
    message = channel_form(update(values), "node-a", "e")
    assert (message.revision, message.origin, message.epoch) == (7, "node-a", "e")
    assert shown(message) == device_form(update(values))


def test_a_hint_has_no_revision() -> None:
    seen = DeviceSeen("tv", is_online=False, last_seen_ms=1_764_000_000_250)
    last_seen = "2025-11-24T16:00:00.250+00:00"
    assert hint(seen) == DeviceUpdate(device_id="tv", is_online=False, last_seen=last_seen)
