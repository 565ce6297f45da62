"""What the core wants done; the shell does it, in order."""

from enum import StrEnum

from msgspec import Struct

from syncd_client.core.events import Event
from syncd_client.data.messages import ClientMessage
from syncd_client.data.user_state import Changes


class Timer(StrEnum):
    """The timers, one of each."""

    RECONNECT = "reconnect"
    STABLE = "stable"
    RENEW = "renew"
    RETRY = "retry"
    SILENCE = "silence"
    TOKEN = "token"  # noqa: S105  # how long the app's callback may take
    PROBE = "probe"
    FOLLOW = "follow"  # until newly opened lists are asked for
    REPORT = "report"  # until reports of playing are written again, connected or not


class Transport(StrEnum):
    """How the client is connected to the service."""

    WEBSOCKET = "websocket"
    STREAM = "stream"  # server-sent events
    POLLING = "polling"  # the same, in answers that end soon


class AskToken(Struct, frozen=True):
    """Ask the app's callback; answered by ``token``, ``token_failed`` or ``token_unusable``."""


class Open(Struct, frozen=True):
    """Open ``target`` (path and query); answered by ``opened`` or ``open_failed``.

    When polling, it comes again after each ``polled``, while the connection goes on.
    """

    transport: Transport
    target: str
    token: str


class Probe(Struct, frozen=True):
    """See whether a WebSocket to ``target`` can be had, beside the connection; answered by ``probed``.

    It is closed as soon as it is open. ``Close`` ends a probe, too.
    """

    target: str
    token: str


class Send(Struct, frozen=True):
    """Send ``message`` on the open connection."""

    message: ClientMessage


class Close(Struct, frozen=True):
    """End the connection, or the attempt at whatever stage; nothing more of it is reported to the core."""


class StartTimer(Struct, frozen=True):
    """Report ``due`` in ``after_ms``, whatever the timer was set to before."""

    timer: Timer
    after_ms: int


class StopTimer(Struct, frozen=True):
    """Do not report it."""

    timer: Timer


class Save(Struct, frozen=True):
    """Store ``changes``; comes before every output that relies on it."""

    user_id: str
    changes: Changes


class Erase(Struct, frozen=True):
    """Delete all that is stored of the user."""

    user_id: str


class Emit(Struct, frozen=True):
    """Tell the app."""

    event: Event


Output = AskToken | Open | Probe | Send | Close | StartTimer | StopTimer | Save | Erase | Emit
