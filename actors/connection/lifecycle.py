"""The life of a connection as a table: ``TRANSITIONS[state][type(message)]`` is the next state.

Everything that changes a state is here, and nothing else: a decision that depends on what a message holds (a time-out,
a gap, a slow device) is made by ``SyncWebSocket``, which then takes a step of its own: ``Disconnect``, ``GapFound``,
``PartSent`` or ``AllSent``.
What is not in the table cannot happen: ``next_state`` refuses it.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final, get_args

from msgspec import Struct

from actors.errors import IllegalStepError
from actors.messages.connection import (
    BinaryReceived,
    ConnectionMessage,
    Deliver,
    DeviceAnswered,
    Disconnect,
    Joined,
    Listed,
    MeasureWrite,
    Received,
    Replayed,
    Shutdown,
    SignOfLife,
    SocketLost,
    SocketWritable,
    TimerDue,
    TokenRenewed,
    WriteAnswered,
)


class State(IntEnum):
    """Where a connection is; an ``IntEnum`` because its hash is looked up for every message."""

    JOINING = 0
    """Its watchlist has not answered yet; the device has been shown nothing, live frames wait."""
    LIVE = 1
    """The device is at ``revision`` and is shown what comes."""
    RESUMING = 2
    """Something is missing, and is asked for as soon as the device reads; later frames wait."""
    SENDING = 3
    """A slice of what was missed, or a part of the list, is written as the socket takes it; later frames wait."""
    CLOSING = 4
    """Our close frame is out (or the device's came); nothing is sent any more."""
    CLOSED = 5
    """The TCP connection has ended; so does the actor."""


class GapFound(Struct, frozen=True):
    """A revision is known to exist whose predecessor the device has not been shown."""


class PartSent(Struct, frozen=True):
    """The socket has been given a part of the list, and there are more."""


class AllSent(Struct, frozen=True):
    """The socket has been given the slice, or the last part of the list."""


Step = ConnectionMessage | GapFound | PartSent | AllSent
STEPS: Final[tuple[type, ...]] = get_args(Step)

_CLOSES: Final[Mapping[type, State]] = {
    Disconnect: State.CLOSING,
    Shutdown: State.CLOSING,
    BinaryReceived: State.CLOSING,
    SocketLost: State.CLOSED,
}

_FROM_ACTORS: Final = (Deliver, MeasureWrite, WriteAnswered, DeviceAnswered, TimerDue)
_FROM_THE_SOCKET: Final = (Received, SignOfLife, TokenRenewed, SocketWritable)


def _stays(state: State, *steps: type) -> dict[type, State]:
    return dict.fromkeys(steps, state)


# ``Joined`` comes once for each collection that is followed without a replay, the first of them in ``JOINING``.
TRANSITIONS: Final[Mapping[State, Mapping[type, State]]] = {
    State.JOINING: {
        Joined: State.LIVE,
        Replayed: State.SENDING,
        Listed: State.SENDING,
        **_CLOSES,
        **_stays(State.JOINING, *_FROM_ACTORS, *_FROM_THE_SOCKET),
    },
    State.LIVE: {
        GapFound: State.RESUMING,
        **_CLOSES,
        **_stays(State.LIVE, Joined, *_FROM_ACTORS, *_FROM_THE_SOCKET),
    },
    State.RESUMING: {
        Replayed: State.SENDING,
        Listed: State.SENDING,
        **_CLOSES,
        **_stays(State.RESUMING, Joined, *_FROM_ACTORS, *_FROM_THE_SOCKET),
    },
    State.SENDING: {
        AllSent: State.LIVE,
        PartSent: State.RESUMING,
        **_CLOSES,
        **_stays(State.SENDING, Joined, *_FROM_ACTORS, *_FROM_THE_SOCKET),
    },
    State.CLOSING: {
        SocketLost: State.CLOSED,
        # What was under way when the connection closed.
        **_stays(State.CLOSING, Joined, Replayed, Listed, *_FROM_ACTORS, *_FROM_THE_SOCKET),
        **_stays(State.CLOSING, Disconnect, Shutdown, BinaryReceived),
    },
    # A lost socket says nothing.
    State.CLOSED: _stays(State.CLOSED, Joined, Replayed, Listed, Disconnect, *_FROM_ACTORS),
}
"""Only what can happen: a step that is missing is a defect."""


def next_state(state: State, step: type) -> State:
    """Return the state after ``step``.

    Raises:
        IllegalStepError: it cannot happen in ``state``.
    """
    try:
        return TRANSITIONS[state][step]
    except KeyError:
        raise IllegalStepError(f"{step.__name__} cannot happen in {state.name}") from None


def diagram() -> str:
    """Return the table's changes of state as a Mermaid state diagram; docs/protocol.md shows it."""
    return "\n".join(["stateDiagram-v2", *_lines()])


def _lines() -> Iterator[str]:
    yield "    [*] --> JOINING"
    for state, steps in TRANSITIONS.items():
        labels: dict[State, list[str]] = {}
        for step in STEPS:
            after = steps.get(step, state)
            if after is not state:
                labels.setdefault(after, []).append(step.__name__)
        for after, names in sorted(labels.items()):
            yield f"    {state.name} --> {after.name}: {', '.join(names)}"
    yield "    CLOSED --> [*]"
