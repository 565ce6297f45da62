from itertools import product
from pathlib import Path

import pytest

from actors.connection.lifecycle import STEPS, TRANSITIONS, GapFound, State, diagram, next_state
from actors.errors import IllegalStepError
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

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"

J, L, R, C, X = State.JOINING, State.LIVE, State.RESUMING, State.CLOSING, State.CLOSED
NEXT: dict[type, tuple[State | None, ...]] = {
    # after, in:     J  L  R  C  X       None: cannot happen
    Deliver: (J, L, R, C, X),
    MeasureWrite: (J, L, R, C, X),
    WriteAnswered: (J, L, R, C, X),
    TimerDue: (J, L, R, C, X),
    Joined: (L, None, None, C, X),
    Replayed: (L, None, L, C, X),
    Disconnect: (C, C, C, C, X),
    GapFound: (None, R, None, None, None),
    Shutdown: (C, C, C, C, None),
    BinaryReceived: (C, C, C, C, None),
    Received: (J, L, R, C, None),
    SignOfLife: (J, L, R, C, None),
    TokenRenewed: (J, L, R, C, None),
    SocketWritable: (J, L, R, C, None),
    SocketLost: (X, X, X, X, None),
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
