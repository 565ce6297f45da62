"""The socket that an actor has over an HTTP answer; with a real connection below it: test_streams.py."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.connection.deps import HandshakeResult
from actors.messages.close_codes import GOING_AWAY, POLL_ANSWERED
from actors.messages.connection import (
    ConnectionMessage,
    Disconnect,
    Following,
    Shutdown,
    SignOfLife,
    SocketLost,
    SocketWritable,
)
from actors.ports import DeviceSocket
from tests.fakes.recording_transport import RecordingTransport
from transport.access.authentication import Authenticator, Claims
from transport.access.limits import Limits, Quotas
from transport.access.signing_keys import shared_secret
from transport.connection.device_connection import DeviceDeps
from transport.http.http1.carrying import Carried
from transport.http.streams.event_stream import EventStream
from transport.wire.frames import fragments, frame
from transport.wire.query import ResumeQuery

CLAIMS = Claims(user_id="ann", device_id="tv", expires_at=2_000_000_000)
RESUMED, UPDATE = frame(b'{"type":"resumed"}'), frame(b'{"type":"watchlist_update"}')
COMMENT = b"3\r\n:\n\n\r\n"


class Writer(RecordingTransport):
    """A ``HeadCoalescer`` over nothing."""

    unsent, taken, written_bytes = 0, 0, 0

    def __init__(self) -> None:
        super().__init__()
        self.limits: list[int | None] = []

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits.append(high)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def read_bytes(self) -> int:
        return self.taken


class Flow:
    write_paused = False


class Connection:
    """A ``Carrier`` whose peer does what the test says."""

    def __init__(self) -> None:
        self.transport = Writer()
        self.flow = Flow()
        self.connections: set[Any] = set()
        self.pipeline: list[Any] = []
        self.carried: Carried | None = None
        self.put_downs = 0

    def carry(self, carried: Carried) -> None:
        self.carried = carried

    def put_down(self) -> None:
        self.put_downs += 1

    def end_by_closing(self) -> None:
        """Do nothing: the answer's head does not come this way."""


class Served:
    """An ``EventStream`` that has begun, and what its actor is told."""

    def __init__(self, poll_s: int | None = None) -> None:
        self.told: list[ConnectionMessage] = []
        self.handshakes: list[HandshakeResult] = []
        self.connection = Connection()
        self.quotas = Quotas(Limits(max_connections=1))
        deps = DeviceDeps(
            authenticator=Authenticator(shared_secret("a secret of more than thirty-two bytes")),
            quotas=self.quotas,
            spawn=self._spawn,
        )
        self.stream = EventStream(deps, self.connection, poll_s)
        self.stream.begin(CLAIMS, ResumeQuery(follows=(Following(since=0),)))

    def _spawn(self, socket: DeviceSocket, handshake: HandshakeResult) -> Callable[[ConnectionMessage], None]:
        self.handshakes.append(handshake)
        return self.told.append

    @property
    def written(self) -> bytes:
        return b"".join(done for done in self.connection.transport.done if isinstance(done, bytes))

    @property
    def ends(self) -> list[Disconnect]:
        """By which it has asked its actor to come to an end."""
        return [message for message in self.told if isinstance(message, Disconnect)]


async def turn() -> None:
    """Let everything run that is due."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("poll_s", "polls"), [(None, False), (0, True), (25, True)])
async def test_a_poll_says_that_its_device_will_ask_again(poll_s: int | None, polls: bool) -> None:
    (handshake,) = Served(poll_s).handshakes
    assert handshake.polls is polls


async def test_nothing_is_written_before_the_head_and_then_a_comment_first() -> None:
    served = Served()
    served.stream.write(UPDATE)
    served.stream.ping()
    assert served.stream.is_congested()
    assert (served.written, served.told) == (b"", [])
    served.stream.open(has_chunks=True)
    assert served.written == COMMENT
    assert not served.stream.is_congested()
    assert [type(message) for message in served.told] == [SocketWritable]


@pytest.mark.parametrize("has_chunks", [True, False])
async def test_frames_leave_as_events_at_once(has_chunks: bool) -> None:
    served = Served()
    served.stream.open(has_chunks=has_chunks)
    del served.connection.transport.done[:]
    served.stream.write(UPDATE + UPDATE)
    events = b'data: {"type":"watchlist_update"}\n\n' * 2
    assert served.written == (b"46\r\n" + events + b"\r\n" if has_chunks else events)


async def test_a_peer_that_confirms_what_it_was_sent_is_alive_and_one_that_does_not_is_silent() -> None:
    served = Served()
    served.stream.open(has_chunks=True)
    del served.told[:]
    for taken, signs in ((9, 1), (18, 2), (18, 2), (18, 2)):
        served.connection.transport.taken = taken
        served.stream.ping()
        assert [type(message) for message in served.told] == [SignOfLife] * signs
    assert served.written == COMMENT * 5


async def test_no_comment_comes_between_the_parts_of_a_message() -> None:
    served = Served()
    served.stream.open(has_chunks=False)
    opening, *_, closing = fragments(b"[" + b" " * 20_000 + b"]", opens=True, closes=True)
    for frames in (opening, closing):
        served.stream.write(frames)
        served.stream.ping()
    assert served.written == b":\n\ndata: [" + b" " * 20_000 + b"]\n\n:\n\n"


async def test_how_much_is_unsent_is_the_connections() -> None:
    served = Served()
    served.connection.transport.unsent = 7
    served.connection.flow.write_paused = True
    served.stream.open(has_chunks=True)
    assert served.stream.is_congested()
    assert served.stream.unsent_bytes() == 7
    served.connection.transport.written_bytes, served.connection.transport.taken = 100, 60
    assert served.stream.unconfirmed_bytes() == 40
    served.connection.transport.abort()
    assert served.stream.unsent_bytes() == served.stream.unconfirmed_bytes() == 0
    served.stream.ping()  # whose descriptor may be another's by now
    assert served.written == COMMENT


async def test_it_closes_once_in_words_and_is_over() -> None:
    served = Served()
    served.stream.open(has_chunks=False)
    for _ in range(2):
        served.stream.close(GOING_AWAY.code, GOING_AWAY.reason)
    served.stream.write(UPDATE)
    assert served.written.count(b"event: close") == 1
    assert served.written.endswith(b"\n\n")
    assert served.stream.over.done()


async def test_one_that_is_closed_before_its_head_takes_its_connection_along() -> None:
    served = Served()
    served.stream.close(GOING_AWAY.code, GOING_AWAY.reason)
    assert served.connection.transport.done == ["aborted"]
    served.stream.connection_ended()
    served.stream.open(has_chunks=True)
    assert served.stream.over.done()
    assert served.written == b""


async def test_at_its_end_it_is_let_go_and_its_actor_told() -> None:
    served = Served()
    assert served.connection.connections == {served.stream}
    assert served.connection.carried is served.stream
    served.stream.end()
    await turn()
    assert [type(message) for message in served.told] == [SocketLost]
    assert served.connection.connections == set()
    assert served.connection.put_downs == 1
    served.quotas.connect("ann")


async def test_a_device_is_asked_to_come_back_when_the_server_stops() -> None:
    served = Served()
    served.stream.shutdown()
    assert [type(message) for message in served.told] == [Shutdown]


@pytest.mark.parametrize(("poll_s", "limits"), [(None, [None]), (25, [0, None])])
async def test_a_poll_counts_as_congested_until_all_is_out_and_its_connection_then_as_ever(
    poll_s: int | None, limits: list[int | None]
) -> None:
    served = Served(poll_s)
    served.stream.end()
    assert served.connection.transport.limits == limits


async def test_a_poll_ends_behind_what_its_actor_says_in_one_turn() -> None:
    served = Served(poll_s=25)
    served.stream.open(has_chunks=True)
    served.stream.write(RESUMED)
    await turn()
    assert served.ends == []
    served.stream.write(UPDATE)
    served.stream.write(UPDATE)
    assert served.ends == []
    await turn()
    assert {message.close for message in served.ends} == {POLL_ANSWERED}


async def test_a_poll_that_waits_for_nothing_ends_behind_resumed() -> None:
    served = Served(poll_s=0)
    served.stream.open(has_chunks=True)
    await turn()
    assert served.ends == []
    served.stream.write(RESUMED)
    await turn()
    assert len(served.ends) == 1


async def test_a_poll_waits_as_long_as_it_was_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), list[tuple[float, Callable[[], None]]]()

    def call_later(delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        timers.append((delay, callback))
        return asyncio.TimerHandle(loop.time() + delay, callback, (), loop)

    monkeypatch.setattr(loop, "call_later", call_later)
    served = Served(poll_s=25)
    served.stream.open(has_chunks=True)
    ((delay_s, end),) = timers
    assert delay_s == 25
    end()
    assert served.ends == []  # its device has not been told yet where it stands
    served.stream.write(RESUMED)
    await turn()
    assert len(served.ends) == 1


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_poll_does_not_end_before_its_device_has_taken_what_it_says(is_open: bool) -> None:
    served = Served(poll_s=0)
    served.stream.open(has_chunks=True)
    served.connection.flow.write_paused = not is_open
    opening, *_, closing = fragments(b"[" + b" " * 20_000 + b"]", opens=True, closes=True)
    served.stream.write(RESUMED + opening)
    await turn()
    assert served.ends == []
    served.stream.write(closing)
    await turn()
    assert len(served.ends) == is_open
    served.connection.flow.write_paused = False
    served.stream.congestion_ended()
    await turn()
    assert len(served.ends) == 1 + is_open
