from typing import Any
from uuid import UUID

import pytest

from actors.connection.deps import ConnectionDeps
from actors.connection.device_writes import MAX_UNANSWERED, DeviceWrites
from actors.messages.commands import CommandOutcome, SendCommand
from actors.messages.connection import ConnectionInfo, WatchlistRequest, WriteAnswered
from actors.messages.device import CommandToDevice, DeviceAck, DeviceHeartbeat, Error, WatchlistWrite
from actors.messages.devices import DescribeDevice
from actors.messages.journal import DeviceWrite, Outcome, Status
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
    shared = ConnectionDeps(tell_watchlist=lambda _: None, frame=lambda _: b"", now_s=lambda: 0.0, **deps)
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


def test_what_a_device_says_of_itself_is_kept_when_it_changes() -> None:
    told, kept = list[Any](), list[DescribeDevice]()
    writes = writes_of(told, describe=kept.append)
    tv, pc = DeviceHeartbeat(device_type="tv"), DeviceHeartbeat(device_type="pc")
    for heartbeat in (DeviceHeartbeat(), tv, tv, DeviceHeartbeat(), tv, pc):
        writes.submit(heartbeat)
    assert [one.fields.device_type for one in kept] == ["tv", "pc"]
    assert [(one.user_id, one.device_id, one.is_own) for one in kept] == [("ann", "phone", True)] * 2
    assert (told, writes.unanswered) == ([], 0)


def test_a_heartbeat_with_an_id_is_answered() -> None:
    told, kept = list[Any](), list[DescribeDevice]()
    writes = writes_of(told, describe=kept.append)
    for number in range(3):
        writes.submit(DeviceHeartbeat(device_type="tv", id=number))
    (description,) = kept
    assert (len(told), writes.unanswered) == (2, 3)  # the other two say nothing new
    assert description.answer is not None
    description.answer(True)
    description.answer(None)
    away = Error(id=0, code="try_again_later", message="the journal is unavailable", retry_after_ms=2_000)
    updated = [DeviceAck(id=number, status="updated") for number in (1, 2, 0)]
    assert [message.answer for message in told] == [*updated, away]
