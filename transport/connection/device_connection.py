"""What the connections of devices have in common, whatever carries them: quotas, an actor, and reasons to end."""

import asyncio
import random
import time
from collections.abc import Callable, Container
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct, field

from actors.connection.deps import HandshakeResult
from actors.messages.close_codes import TOKEN_ENDED, TOKEN_REVOKED
from actors.messages.connection import ConnectionMessage, Disconnect, Shutdown, SocketLost
from actors.messages.content_ids import UUIDS, ContentIds
from actors.ports import DeviceSocket
from actors.runtime.tell import Tell
from transport.access.authentication import Authenticator, Claims
from transport.access.limits import Quotas
from transport.access.origins import AllowedOrigins
from transport.loop.time_sliced_queue import Storm, time_sliced_queue
from transport.wire.query import ResumeQuery

Spawn = Callable[[DeviceSocket, HandshakeResult], Tell[ConnectionMessage]]
"""Starts a connection's ``SyncWebSocket`` and returns how to tell it something; that must never raise."""


class DeviceDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What all connections of devices share."""

    authenticator: Authenticator
    quotas: Quotas
    spawn: Spawn
    allowed_origins: AllowedOrigins = field(default_factory=AllowedOrigins)
    """Pages from elsewhere that may connect."""
    content_ids: ContentIds = UUIDS
    """Which ids of contents are accepted."""
    path_prefix: str = ""
    """Below which a proxy serves everything; requests without it are served, too."""
    reconnect_spread_ms: int = 5_000
    """When the daemon stops, its devices are asked to come back spread over this time."""
    random: Callable[[], float] = random.random
    """In [0, 1), for that."""
    now_s: Callable[[], float] = time.monotonic
    """A monotonic clock, for quotas."""
    wall_s: Callable[[], float] = time.time
    """Seconds since 1970."""


class BaseDeviceConnection(DeviceSocket):
    """A socket with its ``SyncWebSocket``: subclasses have these attributes, in slots. Thread: the event loop."""

    if not TYPE_CHECKING:
        __slots__ = ()  # and mypy would not look for those of the subclasses

    _deps: DeviceDeps
    _tell: Tell[ConnectionMessage]
    """``to_nobody`` before its actor's start and after its own end."""
    _user_id: str
    """Once it is counted."""
    _token_id: str | None
    _thumbprint: str | None
    """That of the key that verified the token in use."""

    def disconnect_if_revoked(self, revoked: Container[str]) -> bool:
        """Close if the token in use is one of those, and say whether it was."""
        is_revoked = self._token_id is not None and self._token_id in revoked
        if is_revoked:
            self._token_id = self._thumbprint = None
            self._tell(Disconnect(TOKEN_REVOKED))
        return is_revoked

    def is_of_other_key_than(self, known: Container[str]) -> bool:
        """Return whether the token in use was verified by a key whose thumbprint is not ``known``."""
        return self._thumbprint is not None and self._thumbprint not in known

    def disconnect_if_withdrawn(self, known: Container[str]) -> None:
        """Close if the token in use was verified by a key whose thumbprint is not ``known``."""
        if self.is_of_other_key_than(known):
            self._token_id = self._thumbprint = None
            self._tell(Disconnect(TOKEN_ENDED))

    def _count_in(self, claims: Claims, resume: ResumeQuery) -> None:
        """Count the connection, until ``_leave``. Raises: Problem, a limit is reached."""
        if resume.is_resuming:
            self._deps.quotas.acquire_read(claims.user_id, self._deps.now_s())
        self._deps.quotas.connect(claims.user_id)
        self._user_id = claims.user_id
        self._token_id, self._thumbprint = claims.token_id, claims.thumbprint

    def _launch(self, claims: Claims, resume: ResumeQuery, *, polls: bool = False) -> None:
        """Start the actor."""
        wall_s = self._deps.wall_s()
        handshake = HandshakeResult(
            user_id=claims.user_id,
            device_id=claims.device_id,
            ends_at_s=asyncio.get_running_loop().time() + claims.expires_at - wall_s,
            connected_at=int(wall_s),
            follows=resume.follows,
            takes_pieces=resume.takes_pieces,
            polls=polls,
        )
        self._tell = self._deps.spawn(self, handshake)

    def _leave(self) -> None:
        """Count the connection no more, and tell the actor, which ends with its socket."""
        self._deps.quotas.disconnect(self._user_id)
        tell, self._tell = self._tell, to_nobody
        # It may be one of thousands that lose their network at once.
        time_sliced_queue().run(partial(tell, SocketLost()), Storm.DEPARTURES)

    def _say_goodbye(self) -> None:
        """Ask the device to come back at a moment that differs from device to device, and close."""
        self._tell(Shutdown(round(self._deps.random() * self._deps.reconnect_spread_ms)))


def to_nobody(_message: ConnectionMessage) -> None:
    """Stand for the actor of a connection that has none: it is not open yet, or no more."""
