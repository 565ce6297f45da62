from itertools import product
from pathlib import Path

import pytest

from actors.connection.lifecycle import STEPS, TRANSITIONS, AllSent, GapFound, PartSent, State, diagram, next_state
from actors.errors import IllegalStepError
from actors.messages.connection import (
    BinaryReceived,
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

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"

J, L, R, S, C, X = State.JOINING, State.LIVE, State.RESUMING, State.SENDING, State.CLOSING, State.CLOSED
NEXT: dict[type, tuple[State | None, ...]] = {
    # after, in:     J  L  R  S  C  X       None: cannot happen
    Deliver: (J, L, R, S, C, X),
    MeasureWrite: (J, L, R, S, C, X),
    WriteAnswered: (J, L, R, S, C, X),
    DeviceAnswered: (J, L, R, S, C, X),
    TimerDue: (J, L, R, S, C, X),
    Joined: (L, L, R, S, C, X),
    Replayed: (S, None, S, None, C, X),
    Listed: (S, None, S, None, C, X),
    Disconnect: (C, C, C, C, C, X),
    GapFound: (None, R, None, None, None, None),
    PartSent: (None, None, None, R, None, None),
    AllSent: (None, None, None, L, None, None),
    Shutdown: (C, C, C, C, C, None),
    BinaryReceived: (C, C, C, C, C, None),
    Received: (J, L, R, S, C, None),
    SignOfLife: (J, L, R, S, C, None),
    TokenRenewed: (J, L, R, S, C, None),
    SocketWritable: (J, L, R, S, C, None),
    SocketLost: (X, X, X, X, X, None),
}
PAIRS = [(state, step, after) for step, row in NEXT.items() for state, after in zip(State, row, strict=True)]


@pytest.mark.parametrize(("state", "step", "after"), PAIRS)
def test_every_step_leads_from_every_state_where_it_should_or_is_refused_by_name(
    state: State, step: type, after: State | None
) -> None:
    if after is not None:
        assert next_state(state, step) is after
        return
    with pytest.raises(IllegalStepError, match=f"{step.__name__} cannot happen in {state.name}"):
        next_state(state, step)


def test_every_pair_is_looked_at() -> None:
    assert {(state, step) for state, step, _ in PAIRS} == set(product(State, STEPS))
    assert set(TRANSITIONS) == set(State)
    assert all(set(row) <= set(STEPS) for row in TRANSITIONS.values())


def test_the_documents_show_the_diagram_that_the_table_makes() -> None:
    block = f"```mermaid\n{diagram()}\n```"
    assert block in PROTOCOL.read_text(), f"put this into docs/protocol.md:\n{block}"
