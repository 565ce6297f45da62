from typing import Any
from uuid import UUID

import msgspec
import pytest

from actors.connection.deps import ConnectionDeps
from actors.connection.device_writes import MAX_UNANSWERED, DeviceWrites
from actors.messages.change import Change
from actors.messages.commands import CommandOutcome, SendCommand
from actors.messages.connection import ConnectionInfo, WatchlistRequest, WriteAnswered
from actors.messages.device import CommandToDevice, DeviceAck, DeviceEdit, DeviceHeartbeat, Error, WatchlistWrite
from actors.messages.journal import DeviceWrite, Outcome, Status
from actors.messages.registers import RegisterChange
from actors.messages.sync import DeviceCommand
from tests.fakes.recording_socket import RecordingSocket

FILM = str(UUID(int=1))


def test_a_write_goes_to_the_watchlist_and_its_outcome_back_to_the_connection() -> None:
    asked: list[WatchlistRequest] = []
    told: list[object] = []
    connection = ConnectionInfo("c", "ann", "tv", told.append)
    deps = ConnectionDeps(tell_watchlist=asked.append, frame=lambda _answer: b"", now_s=lambda: 0.0)
    write = WatchlistWrite("add", FILM, id="w1")
    DeviceWrites(connection, RecordingSocket(), deps).submit(write)
    (request,) = asked
    assert isinstance(request, DeviceWrite)
    assert (request.user_id, request.device_id, request.change) == ("ann", "tv", write)
    outcome = Outcome(status=Status.ADDED)
    assert request.answer is not None
    request.answer(outcome)
    (answered,) = told
    assert isinstance(answered, WriteAnswered)
    assert (answered.message_id, answered.outcome) == ("w1", outcome)


@pytest.mark.parametrize("message_id", [1 << 63, -(1 << 63) - 1, 10**30])
def test_the_id_of_a_write_may_be_any_integer_though_its_change_is_kept_with_numbers_of_64_bits(
    message_id: int,
) -> None:
    asked: list[Any] = []
    told: list[Any] = []
    writes_of(told, tell_watchlist=asked.append).submit(WatchlistWrite("add", FILM, id=message_id))
    (request,) = asked
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(request.change), type=Change) == Change("add", FILM)
    request.answer(Outcome(status=Status.ADDED))
    assert told[0].message_id == message_id


def test_a_device_is_not_read_from_the_bound_until_half_is_answered() -> None:
    socket = RecordingSocket()
    deps = ConnectionDeps(tell_watchlist=lambda _request: None, frame=lambda _answer: b"", now_s=lambda: 0.0)
    writes = DeviceWrites(ConnectionInfo("c", "ann", "tv", lambda _message: None), socket, deps)
    reads: list[bool] = []
    for _ in range(MAX_UNANSWERED):
        reads.append(socket.is_read)
        writes.submit(WatchlistWrite("add", FILM))
    assert all(reads)
    assert not socket.is_read
    for _ in range(MAX_UNANSWERED // 2 - 1):
        writes.answered(1)
    assert not socket.is_read
    writes.answered(1)
    assert socket.is_read


def writes_of(told: list[Any], **deps: Any) -> DeviceWrites:
    deps = {"tell_watchlist": lambda _: None} | deps
    shared = ConnectionDeps(frame=lambda _: b"", now_s=lambda: 0.0, **deps)
    return DeviceWrites(ConnectionInfo("c", "ann", "phone", told.append), RecordingSocket(), shared)


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        ("sent", DeviceAck(id="c1", status="sent")),
        (
            "device_offline",
            Error(
                id="c1",
                code="device_offline",
                field="target_device_id",
                message="target_device_id: the device is offline",
            ),
        ),
        (
            "not_found",
            Error(
                id="c1",
                code="not_found",
                field="target_device_id",
                message="target_device_id: there is no such device",
            ),
        ),
        (
            "try_again_later",
            Error(id="c1", code="try_again_later", message="nobody can say where the device is", retry_after_ms=2_000),
        ),
        (
            "bus_unavailable",
            Error(
                id="c1",
                code="try_again_later",
                message="the device is on another node, which the bus does not reach now",
                retry_after_ms=2_000,
            ),
        ),
    ],
)
def test_a_command_goes_to_its_device_and_what_became_of_it_back(
    outcome: CommandOutcome, answer: DeviceAck | Error
) -> None:
    told, sent = list[Any](), list[SendCommand]()
    writes = writes_of(told, send_command=sent.append)
    writes.submit(CommandToDevice("tv", "seek", {"position_seconds": 9}, "c1"))
    (send,) = sent
    shown = DeviceCommand("seek", "tv", payload={"position_seconds": 9}, from_device_id="phone")
    assert (send.user_id, send.command, writes.unanswered) == ("ann", shown, 1)
    send.answer(outcome)
    assert [message.answer for message in told] == [answer]


def described(change: Any) -> str | None:
    assert isinstance(change, RegisterChange)
    assert change.says is not None
    return change.says.get("device_type")


def test_what_a_device_says_of_itself_is_kept_when_it_changes() -> None:
    told, kept = list[Any](), list[Any]()
    writes = writes_of(told, tell_watchlist=kept.append)
    tv, pc = DeviceHeartbeat(device_type="tv"), DeviceHeartbeat(device_type="pc")
    for heartbeat in (DeviceHeartbeat(), tv, tv, DeviceHeartbeat(), tv, pc):
        writes.submit(heartbeat)
    assert [described(one.change) for one in kept] == ["tv", "pc"]
    assert [(one.user_id, one.device_id, one.change.key, one.collection) for one in kept] == [
        ("ann", "phone", "phone", "devices")
    ] * 2
    assert (told, writes.unanswered) == ([], 0)
    for write in kept:
        write.answer(Outcome(status=Status.UPDATED))
    assert told == []


def test_a_heartbeat_with_an_id_is_answered() -> None:
    told, kept = list[Any](), list[Any]()
    writes = writes_of(told, tell_watchlist=kept.append)
    for number in range(3):
        writes.submit(DeviceHeartbeat(device_type="tv", id=number))
    (write,) = kept
    assert (len(told), writes.unanswered) == (2, 3)  # the other two say nothing new
    write.answer(Outcome(status=Status.UPDATED))
    assert [message.answer for message in told] == [DeviceAck(id=number, status="updated") for number in (1, 2, 0)]


def test_what_was_not_kept_may_be_said_again() -> None:
    told, kept = list[Any](), list[Any]()
    writes = writes_of(told, tell_watchlist=kept.append)
    for number in range(2):
        writes.submit(DeviceHeartbeat(device_type="tv", id=number))
        kept[number].answer(Outcome(status=Status.REFUSED, reason="away", retry_after_s=2.0))
    away = [Error(id=number, code="try_again_later", message="away", retry_after_ms=2_000) for number in range(2)]
    assert [message.answer for message in told] == away


def test_a_device_is_renamed_by_another_whose_write_is_answered_as_any() -> None:
    told, kept = list[Any](), list[Any]()
    writes = writes_of(told, tell_watchlist=kept.append)
    writes.submit(DeviceEdit(device_id="tv", device_type="tv", id="w1"))
    writes.submit(DeviceEdit(device_id="tv", operation="remove", id="w2"))
    assert [(one.device_id, one.change.key, one.collection) for one in kept] == [("phone", "tv", "devices")] * 2
    assert (described(kept[0].change), kept[1].change.says) == ("tv", None)
    kept[1].answer(Outcome(status=Status.NOT_FOUND))
    unknown = Error(id="w2", code="not_found", field="device_id", message="device_id: there is no such device")
    assert [message.answer for message in told] == [unknown]
