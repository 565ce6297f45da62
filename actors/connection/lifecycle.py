"""The life of a connection as a table: ``TRANSITIONS[state][type(message)]`` is the next state.

    JOINING ──Joined, Replayed──▶ LIVE ──GapFound──▶ RESUMING ──Replayed──▶ LIVE
       └──────────── Disconnect, Shutdown, BinaryReceived: CLOSING ───────────┘
                          SocketLost in any state: CLOSED

Everything that changes a state is here, and nothing else: a decision that depends on what a message holds (a time-out,
a gap, a slow device) is made by ``SyncWebSocket``, which then takes the step named ``Disconnect`` or ``GapFound``.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, get_args

from msgspec import Struct

from actors.messages.connection import (
    BinaryReceived,
    ConnectionMessage,
    Disconnect,
    Joined,
    Replayed,
    Shutdown,
    SocketLost,
)


class State(IntEnum):
    """Where a connection is; an ``IntEnum`` because its hash is looked up for every message."""

    JOINING = 0
    """Its watchlist has not answered yet; the device has been shown nothing, live frames wait."""
    LIVE = 1
    """The device is at ``revision`` and is shown what comes."""
    RESUMING = 2
    """Live before; a revision is missing and was asked for, later frames wait."""
    CLOSING = 3
    """Our close frame is out (or the device's came); nothing is sent any more."""
    CLOSED = 4
    """The TCP connection has ended; so does the actor."""


class GapFound(Struct, frozen=True):
    """A frame came whose predecessor the device has not been shown."""


Step = ConnectionMessage | GapFound
STEPS: Final[tuple[type, ...]] = get_args(Step)

_CLOSES: Final[Mapping[type, State]] = {
    Disconnect: State.CLOSING,
    Shutdown: State.CLOSING,
    BinaryReceived: State.CLOSING,
    SocketLost: State.CLOSED,
}

_CHANGES: Final[Mapping[State, Mapping[type, State]]] = {
    State.JOINING: {Joined: State.LIVE, Replayed: State.LIVE, **_CLOSES},
    State.LIVE: {GapFound: State.RESUMING, **_CLOSES},
    State.RESUMING: {Replayed: State.LIVE, **_CLOSES},
    State.CLOSING: {SocketLost: State.CLOSED},
    State.CLOSED: {},
}

TRANSITIONS: Final[Mapping[State, Mapping[type, State]]] = {
    state: {step: changes.get(step, state) for step in STEPS} for state, changes in _CHANGES.items()
}
"""Total: a step that changes nothing leads back to its own state."""
