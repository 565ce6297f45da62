"""What a connection leaves to the answer that it carries; with real ones: test_streams.py."""

import uvicorn
from uvicorn.server import ServerState

from tests.fakes.recording_transport import RecordingTransport
from transport.http.exchange.app import HttpApp
from transport.http.http1.request_limits import RequestLimits
from transport.http.protocol import HttpProtocol


class Guard:
    """Stands for the ``SlowReaderGuard``."""

    def __init__(self) -> None:
        self.watches = False

    def begin(self) -> None:
        self.watches = True

    def end(self) -> None:
        self.watches = False


class Answer:
    """Is carried, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def congestion_ended(self) -> None:
        self.told.append("congestion ended")

    def connection_ended(self) -> None:
        self.told.append("connection ended")

    def shutdown(self) -> None:
        self.told.append("shutdown")


class Connection(HttpProtocol):
    """Without a socket."""

    def __init__(self) -> None:
        config = uvicorn.Config(HttpApp({}), ws="none", log_config=None)
        config.load()
        super().__init__(RequestLimits(), config=config, server_state=ServerState(), app_state={})
        self.connection_made(RecordingTransport())
        self.guard = self._slow_reader = Guard()  # type: ignore[assignment]


async def test_an_answer_is_told_what_happens_while_it_is_carried() -> None:
    connection, answer = Connection(), Answer()
    connection.pause_writing()
    connection.carry(answer)
    connection.resume_writing()
    connection.put_down()
    connection.pause_writing()
    connection.resume_writing()
    assert answer.told == ["congestion ended"]
    connection.carry(answer)
    connection.connection_lost(None)
    assert answer.told == ["congestion ended", "connection ended"]


async def test_whether_its_peer_reads_is_for_the_answer_to_judge_while_it_is_carried() -> None:
    connection = Connection()
    connection.pause_writing()
    assert connection.guard.watches
    connection.carry(Answer())
    assert not connection.guard.watches
    connection.pause_writing()
    assert not connection.guard.watches
    connection.put_down()
    assert connection.guard.watches
    connection.connection_lost(None)


async def test_a_server_that_stops_already_tells_the_answer_at_once() -> None:
    connection, answer = Connection(), Answer()
    connection.shutdown()
    connection.carry(answer)
    assert answer.told == ["shutdown"]
    connection.connection_lost(None)
