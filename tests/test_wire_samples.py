"""The recorded messages of wire_samples/ are still understood, are what we still send, and leave no message out."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec
import pytest
from msgspec import NODEFAULT, Struct, structs

from actors.messages import control
from actors.messages.channel import BusMessage, PubNubSyncMessage
from actors.messages.device import ProgressWrite
from tests.wire_samples import meanings
from tests.wire_samples.meanings import BUS_KEY, USER
from transport.apidocs.asyncapi import FROM_DEVICE, TO_DEVICE
from transport.bus.codec import BusCodec
from transport.bus.control_codec import ControlCodec
from transport.errors import Problem
from transport.figures import stats
from transport.http.exchange import requests, responses
from transport.http.routes import admin, admin_answers
from transport.websocket import device_codec
from transport.wire.frames import frame
from transport.wire.problems import ProblemDetails, problem_body

FILES: Final = Path(__file__).parent / "wire_samples"
UNSIGNED, SIGNED, AMONG_NODES = BusCodec(), BusCodec(BUS_KEY), ControlCodec(BUS_KEY)
NEVER_SET: Final = {(ProblemDetails, "type"), (ProgressWrite, "position_seconds")}
"""Optional fields that nothing of ours ever gives another value, or that only a removal may leave out."""


class Direction(NamedTuple):
    """One folder: what its files mean, which types must be there, and how the service reads or writes them."""

    meanings: Mapping[str, Struct]
    kinds: Iterable[type]
    decode: Callable[[bytes, type], object] | None = None
    encode: Callable[[Any], bytes] | None = None


def structs_of(*modules: Any, where: Callable[[str], bool] = lambda name: True) -> set[type]:
    """Return the message types that ``modules`` define."""
    return {
        kind
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Struct) and kind.__module__ == module.__name__ and where(name)
    }


def frame_payload(message: Any) -> bytes:
    """Return what is in the frame that a device is sent."""
    payload = msgspec.json.encode(message)
    assert device_codec.encode(message) == frame(payload)
    return payload


def answer(body: Struct) -> bytes:
    if isinstance(body, ProblemDetails):
        code, field = body.code or None, body.field or None
        return problem_body(Problem(HTTPStatus(body.status), body.detail, code=code, field=field))
    return bytes(responses.json_response(body).body)


def is_request(name: str) -> bool:
    return name.endswith("Request")


DIRECTIONS: Final = {
    "from-device": Direction(
        meanings.FROM_DEVICES, FROM_DEVICE, decode=lambda payload, _: device_codec.decode(payload.decode())
    ),
    "to-device": Direction(meanings.TO_DEVICES, TO_DEVICE, encode=frame_payload),
    "bus": Direction(
        meanings.BUS,
        get_args(BusMessage),
        decode=lambda payload, _: UNSIGNED.decode(USER, payload),
        encode=lambda message: UNSIGNED.encode(USER, message),
    ),
    "bus-signed": Direction(
        meanings.BUS,
        get_args(BusMessage),
        decode=lambda payload, _: SIGNED.decode(USER, payload),
        encode=lambda message: SIGNED.encode(USER, message),
    ),
    "bus-foreign": Direction(
        meanings.BUS_FOREIGN, get_args(PubNubSyncMessage), decode=lambda payload, _: UNSIGNED.decode(USER, payload)
    ),
    "control": Direction(
        meanings.CONTROL,
        structs_of(control),
        decode=lambda payload, _: AMONG_NODES.decode(payload),
        encode=AMONG_NODES.encode,
    ),
    "http-request": Direction(
        meanings.HTTP_REQUESTS,
        structs_of(requests, admin, where=is_request),
        decode=lambda payload, kind: requests.decode(msgspec.json.Decoder(kind).decode, payload),
    ),
    "http-answer": Direction(
        meanings.HTTP_ANSWERS,
        {ProblemDetails} | structs_of(responses, admin_answers, stats),
        encode=answer,
    ),
}

every_direction = pytest.mark.parametrize("folder", DIRECTIONS)


def samples(folder: str) -> Iterator[tuple[bytes, Struct]]:
    """Return every recording of ``folder`` with its meaning."""
    for name, meaning in DIRECTIONS[folder].meanings.items():
        yield (FILES / folder / f"{name}.json").read_bytes(), meaning


def messages_in(value: object) -> Iterator[Struct]:
    """Return ``value`` if it is a message, and all within it."""
    if isinstance(value, Struct):
        yield value
        value = structs.astuple(value)
    if isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from messages_in(item)


def optional_fields(kind: type[Struct]) -> set[str]:
    return {field.name for field in structs.fields(kind) if not field.required and (kind, field.name) not in NEVER_SET}


def fields_set(message: Struct) -> set[str]:
    """Return the optional fields that do not have their default."""
    defaults = {field.name: field.default for field in structs.fields(message)}
    assert NODEFAULT not in [defaults[name] for name in optional_fields(type(message))], "made by a factory"
    return {name for name in optional_fields(type(message)) if getattr(message, name) != defaults[name]}


@every_direction
def test_every_recording_has_a_meaning_and_every_meaning_a_recording(folder: str) -> None:
    assert {path.stem for path in (FILES / folder).glob("*.json")} == DIRECTIONS[folder].meanings.keys()


def test_every_folder_is_looked_at() -> None:
    assert {path.name for path in FILES.iterdir() if any(path.glob("*.json"))} == DIRECTIONS.keys()


@pytest.mark.parametrize("folder", [folder for folder, direction in DIRECTIONS.items() if direction.decode])
def test_what_has_once_been_understood_still_is(folder: str) -> None:
    decode = DIRECTIONS[folder].decode
    assert decode
    for payload, meaning in samples(folder):
        assert decode(payload, type(meaning)) == meaning


@pytest.mark.parametrize("folder", [folder for folder, direction in DIRECTIONS.items() if direction.encode])
def test_what_is_sent_is_byte_for_byte_what_has_once_been_sent(folder: str) -> None:
    encode = DIRECTIONS[folder].encode
    assert encode
    for payload, meaning in samples(folder):
        assert encode(meaning) == payload


@every_direction
def test_every_message_is_recorded_with_all_and_with_none_of_its_optional_fields(folder: str) -> None:
    recorded: dict[type[Struct], list[set[str]]] = {}
    for _, meaning in samples(folder):
        for message in messages_in(meaning):
            recorded.setdefault(type(message), []).append(fields_set(message))
    assert set(DIRECTIONS[folder].kinds) <= recorded.keys()
    for kind in DIRECTIONS[folder].kinds:
        assert optional_fields(kind) in recorded[kind], f"{kind.__name__} with all fields"
        assert set() in recorded[kind], f"{kind.__name__} with the required fields"
