from itertools import product

import pytest

from actors.connection.lifecycle import STEPS, TRANSITIONS, GapFound, State
from actors.messages.connection import (
    BinaryReceived,
    Deliver,
    Disconnect,
    Joined,
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

STAYS = [Deliver, MeasureWrite, Received, SignOfLife, SocketWritable, TimerDue, TokenRenewed, WriteAnswered]
ENDS = [Disconnect, Shutdown, BinaryReceived]

EXPECTED: dict[tuple[State, type], State] = {
    **{(state, step): state for state, step in product(State, STAYS)},
    **{(state, step): max(state, State.CLOSING) for state, step in product(State, ENDS)},
    **{(state, SocketLost): State.CLOSED for state in State},
    (State.JOINING, Joined): State.LIVE,
    (State.LIVE, Joined): State.LIVE,
    (State.RESUMING, Joined): State.RESUMING,
    (State.CLOSING, Joined): State.CLOSING,
    (State.CLOSED, Joined): State.CLOSED,
    (State.JOINING, Replayed): State.LIVE,
    (State.LIVE, Replayed): State.LIVE,
    (State.RESUMING, Replayed): State.LIVE,
    (State.CLOSING, Replayed): State.CLOSING,
    (State.CLOSED, Replayed): State.CLOSED,
    (State.JOINING, GapFound): State.JOINING,
    (State.LIVE, GapFound): State.RESUMING,
    (State.RESUMING, GapFound): State.RESUMING,
    (State.CLOSING, GapFound): State.CLOSING,
    (State.CLOSED, GapFound): State.CLOSED,
}


@pytest.mark.parametrize(("state", "step"), list(product(State, STEPS)))
def test_every_step_leads_from_every_state_where_it_should(state: State, step: type) -> None:
    assert TRANSITIONS[state][step] is EXPECTED[state, step]


def test_the_table_knows_no_other_states_and_steps() -> None:
    assert set(TRANSITIONS) == set(State)
    assert all(set(row) == set(STEPS) for row in TRANSITIONS.values())
    assert {step for _, step in EXPECTED} == set(STEPS)


def test_a_closing_connection_can_only_close() -> None:
    assert set(TRANSITIONS[State.CLOSING].values()) == {State.CLOSING, State.CLOSED}
    assert set(TRANSITIONS[State.CLOSED].values()) == {State.CLOSED}
