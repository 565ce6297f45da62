"""A device's WebSocket: admits it by its token, then stands between its bytes and its ``SyncWebSocket``."""

import asyncio
from typing import Any, Final

from websockets.http11 import Request

from actors.messages.close_codes import TOO_FAST
from actors.messages.connection import (
    BinaryReceived,
    Disconnect,
    Received,
    SignOfLife,
    SocketWritable,
    TokenRenewed,
)
from actors.messages.device import Authenticate, DeviceMessage, Malformed
from transport.access.authentication import Claims
from transport.access.bearer import RETRY_AFTER_S, token_problem
from transport.connection.device_connection import BaseDeviceConnection, DeviceDeps, to_nobody
from transport.errors import KeysUnavailable, Problem, SigningKeyMissing, TokenRefused
from transport.websocket.device_codec import decode
from transport.websocket.handshake import ConnectRequest, connect_request
from transport.websocket.protocol import WebSocketProtocol
from transport.websocket.state import CLOSED, CLOSING, OPEN, OPENING

_SIGN_OF_LIFE: Final = SignOfLife()
_SOCKET_WRITABLE: Final = SocketWritable()
_TOO_FAST: Final = Disconnect(TOO_FAST)


class DeviceProtocol(WebSocketProtocol, BaseDeviceConnection):
    """Give uvicorn ``partial(DeviceProtocol, deps)`` as ``Config(ws=…)``."""

    __slots__ = ("_deps", "_task", "_tell", "_thumbprint", "_token_id", "_user_id")

    def __init__(self, deps: DeviceDeps, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deps = deps
        self._tell = to_nobody  # from its opening to its end: to its actor
        self._token_id = self._thumbprint = None
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
            message = decode(text, self._deps.content_ids)
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
            self._leave()

    def shutdown(self) -> None:
        """Say goodbye, with a moment to come back at that differs from device to device."""
        if self.state in (OPENING, CLOSED):
            super().shutdown()
        else:
            self._say_goodbye()

    def _admit(self, asked: ConnectRequest, claims: Claims) -> None:
        """Open the WebSocket, unless the connection has ended meanwhile. Raises: Problem, a limit is reached."""
        if self._transport.is_closing():
            return
        self._count_in(claims, asked.resume)
        self.accept(asked.subprotocol)
        self._launch(claims, asked.resume)

    async def _admit_later(self, asked: ConnectRequest, missing: SigningKeyMissing) -> None:
        try:
            self._admit(asked, await self._deps.authenticator.authenticate_fetching(asked.token, missing))
        except (TokenRefused, KeysUnavailable) as error:
            self.refuse(token_problem(error))
        except Problem as problem:
            self.refuse(problem)
        self.resume_reading()  # also if it was refused: the peer's end of the connection has to be read
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
                ends_at_s=asyncio.get_running_loop().time() + claims.expires_at - self._deps.wall_s(),
                message_id=message.id,
            )
        )

    def _renewal_refused(self, message: Authenticate, refused: TokenRefused) -> None:
        self._tell(Received((Malformed("unauthorized", str(refused), "token", message.id),)))
