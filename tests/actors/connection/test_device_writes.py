from uuid import UUID

from actors.connection.deps import ConnectionDeps
from actors.connection.device_writes import MAX_UNANSWERED, DeviceWrites
from actors.messages.connection import ConnectionInfo, WatchlistRequest, WriteAnswered
from actors.messages.device import WatchlistWrite
from actors.messages.journal import DeviceWrite, Outcome, Status
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
