import msgspec
import pytest

from actors.messages.devices import MAX_CAPABILITIES_BYTES, DeviceFields, Devices, KnownDevice, KnownFields


def test_capabilities_have_a_bound_as_json() -> None:
    fits = {"a": "x" * (MAX_CAPABILITIES_BYTES - len('{"a":""}'))}
    assert DeviceFields(capabilities=fits).capabilities == fits
    with pytest.raises(msgspec.ValidationError, match=r"^capabilities: must be at most"):
        msgspec.convert({"capabilities": fits | {"b": 1}}, DeviceFields)


def test_a_device_is_found_where_it_is_connected_known_or_not() -> None:
    tv = KnownDevice(device_id="tv", fields=KnownFields(), last_seen_ms=0, nodes=())
    devices = Devices((tv,), {"guest": ("a", "b")})
    assert [devices.nodes_of(name) for name in ("tv", "guest", "radio")] == [(), ("a", "b"), None]
