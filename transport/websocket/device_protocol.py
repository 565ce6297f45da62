"""A device's WebSocket: admits it by its token, then stands between its bytes and its ``SyncWebSocket``."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Container
from functools import partial
from typing import Any, Final

from msgspec import Struct, field
from websockets.http11 import Request

from actors.connection.deps import HandshakeResult
from actors.messages.close_codes import TOKEN_ENDED, TOKEN_REVOKED, TOO_FAST
from actors.messages.connection import (
    BinaryReceived,
    ConnectionMessage,
    Disconnect,
    Received,
    Shutdown,
    SignOfLife,
    SocketLost,
    SocketWritable,
    TokenRenewed,
)
from actors.messages.device import Authenticate, DeviceMessage, Malformed
from actors.ports import DeviceSocket
from actors.runtime.tell import Tell
from transport.access.authentication import Authenticator, Claims
from transport.access.bearer import RETRY_AFTER_S, token_problem
from transport.access.limits import Quotas
from transport.access.origins import AllowedOrigins
from transport.errors import KeysUnavailable, Problem, SigningKeyMissing, TokenRefused
from transport.time_sliced_queue import Storm, time_sliced_queue
from transport.websocket.device_codec import decode
from transport.websocket.handshake import ConnectRequest, connect_request
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.state import CLOSED, CLOSING, OPEN, OPENING

logger = logging.getLogger(__name__)

_SIGN_OF_LIFE: Final = SignOfLife()
_SOCKET_WRITABLE: Final = SocketWritable()
_TOO_FAST: Final = Disconnect(TOO_FAST)


class DeviceProtocolDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What all device sockets share."""

    authenticator: Authenticator
    quotas: Quotas
    spawn: Callable[[DeviceSocket, HandshakeResult], Tell[ConnectionMessage]]
    """Starts the connection's ``SyncWebSocket`` and returns how to tell it something; that must never raise."""
    allowed_origins: AllowedOrigins = field(default_factory=AllowedOrigins)
    """Pages from elsewhere that may connect."""
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


class DeviceProtocol(WebSocketProtocol):
    """Give uvicorn ``partial(DeviceProtocol, deps)`` as ``Config(ws=…)``."""

    __slots__ = ("_deps", "_task", "_tell", "_thumbprint", "_token_id", "_user_id")

    def __init__(
        self, deps: DeviceProtocolDeps, config: Any, server_state: Any, app_state: Any, _loop: Any = None
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deps = deps
        self._tell: Tell[ConnectionMessage] = _to_nobody  # from its opening to its end: to its actor
        self._user_id: str  # once it is open
        self._token_id: str | None = None
        self._thumbprint: str | None = None  # of the key that verified the token in use
        self._task: asyncio.Task[None] | None = None  # waits for an issuer's keys

    def handshake_received(self, request: Request) -> None:
        """Check the token; only one with an unknown key has to wait."""
        asked = connect_request(request, self._deps.allowed_origins, self._deps.path_prefix)
        try:
            claims = self._deps.authenticator.authenticate(asked.token)
        except SigningKeyMissing as missing:
            self.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._admit_later(asked, missing))
        except TokenRefused as refused:
            raise token_problem(refused) from None
        else:
            self._admit(asked, claims)

    def messages_received(self, messages: list[str | bytes]) -> None:
        """Decode and tell everything at once."""
        frames = self.frames_read
        if frames and self._deps.quotas.try_acquire_messages(self._user_id, frames, self._deps.now_s()):
            if self.state is OPEN:
                self._tell(_TOO_FAST)
            else:  # the actor has closed it and is done
                self.close(TOO_FAST.code, TOO_FAST.reason)
            return
        if not messages:
            self._tell(_SIGN_OF_LIFE)
            return
        received: list[DeviceMessage] = []
        for text in messages:
            if isinstance(text, bytes):
                break
            message = decode(text)
            if isinstance(message, Authenticate):
                self._renew(message)
            else:
                received.append(message)
        self._tell(Received(tuple(received)))
        if isinstance(text, bytes):
            self._tell(BinaryReceived())

    def congestion_ended(self) -> None:
        """Let the actor write what has waited."""
        self._tell(_SOCKET_WRITABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the actor, which ends with its socket."""
        was_admitted = self.state in (OPEN, CLOSING)
        super().connection_lost(exc)
        if self._task is not None:
            self._task.cancel()
        if was_admitted:
            self._deps.quotas.disconnect(self._user_id)
            tell, self._tell = self._tell, _to_nobody
            # It may be one of thousands that lose their network at once.
            time_sliced_queue().run(partial(tell, SocketLost()), Storm.DEPARTURES)

    def shutdown(self) -> None:
        """Say goodbye, with a moment to come back at that differs from device to device."""
        if self.state in (OPENING, CLOSED):
            super().shutdown()
        else:
            self._tell(Shutdown(round(self._deps.random() * self._deps.reconnect_spread_ms)))

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

    def _admit(self, asked: ConnectRequest, claims: Claims) -> None:
        """Open the WebSocket, unless the connection has ended meanwhile. Raises: Problem, a limit is reached."""
        if self._transport.is_closing():
            return
        resume = asked.resume
        if resume.since is not None:
            self._deps.quotas.acquire_read(claims.user_id, self._deps.now_s())
        self._deps.quotas.connect(claims.user_id)
        self._user_id = claims.user_id
        self._token_id, self._thumbprint = claims.token_id, claims.thumbprint
        self.accept(asked.subprotocol)
        handshake = HandshakeResult(
            user_id=claims.user_id,
            device_id=claims.device_id,
            ends_at_s=self._on_loop_clock(claims.expires_at),
            connected_at=int(self._deps.wall_s()),
            since=resume.since,
            epoch=resume.epoch,
            takes_pieces=resume.takes_pieces,
            after=resume.after,
        )
        self._tell = self._deps.spawn(self, handshake)

    async def _admit_later(self, asked: ConnectRequest, missing: SigningKeyMissing) -> None:
        try:
            self._admit(asked, await self._deps.authenticator.authenticate_fetching(asked.token, missing))
        except (TokenRefused, KeysUnavailable) as error:
            self.refuse(token_problem(error))
        except Problem as problem:
            self.refuse(problem)
        self.resume_reading()  # who is refused ends, too, and that has to be read
        self._task = None

    def _renew(self, message: Authenticate) -> None:
        try:
            self._renewed(message, self._deps.authenticator.authenticate(message.token))
        except SigningKeyMissing as missing:
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._renew_later(message, missing))
            else:
                self._renewal_refused(message, missing)
        except TokenRefused as refused:
            self._renewal_refused(message, refused)

    async def _renew_later(self, message: Authenticate, missing: SigningKeyMissing) -> None:
        try:
            self._renewed(message, await self._deps.authenticator.authenticate_fetching(message.token, missing))
        except TokenRefused as refused:
            self._renewal_refused(message, refused)
        except KeysUnavailable as unavailable:
            answer = Malformed("try_again_later", str(unavailable), "token", message.id, round(RETRY_AFTER_S * 1000))
            self._tell(Received((answer,)))
        self._task = None

    def _renewed(self, message: Authenticate, claims: Claims) -> None:
        self._token_id, self._thumbprint = claims.token_id, claims.thumbprint
        self._tell(
            TokenRenewed(
                user_id=claims.user_id,
                device_id=claims.device_id,
                expires_at=claims.expires_at,
                ends_at_s=self._on_loop_clock(claims.expires_at),
                message_id=message.id,
            )
        )

    def _renewal_refused(self, message: Authenticate, refused: TokenRefused) -> None:
        self._tell(Received((Malformed("unauthorized", str(refused), "token", message.id),)))

    def _on_loop_clock(self, expires_at: int) -> float:
        return asyncio.get_running_loop().time() + expires_at - self._deps.wall_s()


def _to_nobody(_message: ConnectionMessage) -> None:
    """Stand for the actor of a WebSocket that has none: it is not open yet, or no more."""
