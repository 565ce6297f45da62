"""Whatever people write is a name; what cannot be written, stored or shown is none."""

import json

import msgspec
import pytest

from actors.messages.names import Name, is_name
from tests.names import NAMES, NO_NAMES


@pytest.mark.parametrize("name", NAMES)
def test_whatever_people_write_is_a_name_in_json_too(name: str) -> None:
    assert is_name(name)
    assert msgspec.json.decode(json.dumps(name), type=Name) == name


@pytest.mark.parametrize("value", [*NO_NAMES, None, 7, b"tv", ["tv"]])
def test_what_is_no_name_is_none_in_json_either(value: object) -> None:
    assert not is_name(value)
    if not isinstance(value, bytes):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(json.dumps(value), type=Name)
