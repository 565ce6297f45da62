import asyncio
from collections.abc import Callable

import pytest

from actors.connection.deps import HandshakeResult
from actors.messages.close_codes import TOKEN_ENDED, TOKEN_REVOKED
from actors.messages.connection import ConnectionMessage, Disconnect, Following, Shutdown, SocketLost
from actors.messages.journal_reads import Bookmark
from actors.ports import DeviceSocket
from tests.fakes.recording_socket import RecordingSocket
from transport.access.authentication import Authenticator, Claims
from transport.access.limits import Limits, Quotas
from transport.access.signing_keys import shared_secret
from transport.connection.device_connection import BaseDeviceConnection, DeviceDeps, to_nobody
from transport.errors import Problem
from transport.wire.query import ResumeQuery

CLAIMS = Claims(user_id="ann", device_id="tv", expires_at=1_060, token_id="jti", thumbprint="key")


class Device(RecordingSocket, BaseDeviceConnection):
    """A connection over nothing, and what its actor is told."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()
        self.told: list[ConnectionMessage] = []
        self.handshakes: list[HandshakeResult] = []
        self.quotas = Quotas(limits or Limits())
        self._deps = DeviceDeps(
            authenticator=Authenticator(shared_secret("a secret of more than thirty-two bytes")),
            quotas=self.quotas,
            spawn=self._spawn,
            reconnect_spread_ms=4_000,
            random=lambda: 0.5,
            now_s=lambda: 0.0,
            wall_s=lambda: 1_000.5,
        )
        self._tell = to_nobody
        self._token_id = self._thumbprint = None

    def _spawn(self, socket: DeviceSocket, handshake: HandshakeResult) -> Callable[[ConnectionMessage], None]:
        assert socket is self
        self.handshakes.append(handshake)
        return self.told.append

    def open(self, resume: ResumeQuery = ResumeQuery()) -> None:  # noqa: B008 - it is frozen
        self._count_in(CLAIMS, resume)
        self._launch(CLAIMS, resume)

    def leave(self) -> None:
        self._leave()

    def say_goodbye(self) -> None:
        self._say_goodbye()


async def test_its_actor_is_told_who_it_is_until_when_and_what_it_has() -> None:
    device = Device()
    after = Bookmark(epoch="e", revision=9, timestamp=8, added_revision=7)
    follows = (Following(since=3, epoch="e", after=after), Following("list:kids", 0))
    device.open(ResumeQuery(follows=follows, takes_pieces=True))
    (handshake,) = device.handshakes
    assert (handshake.user_id, handshake.device_id, handshake.connected_at) == ("ann", "tv", 1_000)
    assert handshake.ends_at_s - asyncio.get_running_loop().time() == pytest.approx(59.5, abs=1)
    assert (handshake.follows, handshake.takes_pieces) == (follows, True)


async def test_it_counts_as_a_connection_and_as_a_read_if_it_resumes() -> None:
    device = Device(Limits(max_connections=1, reads_per_second=1.0, read_burst=1))
    device.open(ResumeQuery(follows=(Following(since=1),)))
    with pytest.raises(Problem, match="max_connections"):
        device.open()
    device.leave()
    with pytest.raises(Problem, match="reads_per_second"):
        device.open(ResumeQuery(follows=(Following(since=1),)))
    device.open()


async def test_its_end_is_told_once_and_nothing_behind_it() -> None:
    device = Device()
    device.open()
    device.leave()
    device.say_goodbye()
    while not device.told:
        await asyncio.sleep(0)
    assert [type(message) for message in device.told] == [SocketLost]


async def test_it_is_asked_to_come_back_at_a_moment_of_its_own() -> None:
    device = Device()
    device.open()
    device.say_goodbye()
    (goodbye,) = device.told
    assert isinstance(goodbye, Shutdown)
    assert goodbye.reconnect_in_ms == 2_000


async def test_it_is_closed_once_when_its_token_is_revoked() -> None:
    device = Device()
    device.open()
    assert [device.disconnect_if_revoked(revoked) for revoked in ({"other"}, {"jti"}, {"jti"})] == [False, True, False]
    (disconnect,) = device.told
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TOKEN_REVOKED


async def test_it_is_closed_once_when_its_key_is_withdrawn() -> None:
    device = Device()
    device.open()
    for known in ({"key"}, set[str](), set[str]()):
        device.disconnect_if_withdrawn(known)
    (disconnect,) = device.told
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TOKEN_ENDED
    assert not device.is_of_other_key_than(set())
