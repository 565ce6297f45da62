import msgspec
import pytest

from actors.messages.devices import MAX_CAPABILITIES_BYTES, DeviceFields


def test_capabilities_have_a_bound_as_json() -> None:
    fits = {"a": "x" * (MAX_CAPABILITIES_BYTES - len('{"a":""}'))}
    assert DeviceFields(capabilities=fits).capabilities == fits
    with pytest.raises(msgspec.ValidationError, match=r"^capabilities: must be at most"):
        msgspec.convert({"capabilities": fits | {"b": 1}}, DeviceFields)
