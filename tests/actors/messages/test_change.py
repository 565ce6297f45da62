"""What an item's data may be."""

from typing import Any
from uuid import UUID

import pytest

from actors.messages.change import MAX_DATA_BYTES, Change, data_problem

ROOM = MAX_DATA_BYTES - len('{"n":""}')


def change(data: dict[str, Any] | None) -> Change:
    return Change("add", str(UUID(int=1)), data=data)


@pytest.mark.parametrize("data", [None, {}, {"n": "x" * ROOM}, {"n": "é" * (ROOM // 2)}, {"n": 2**64 - 1}])
def test_data_up_to_its_bound_is_kept(data: dict[str, Any] | None) -> None:
    assert data_problem(change(data)) is None


@pytest.mark.parametrize("data", [{"n": "x" * (ROOM + 1)}, {"n": "é" * ROOM}, {"n": 2**64}])
def test_what_cannot_be_kept_is_named(data: dict[str, Any]) -> None:
    problem = data_problem(change(data))
    assert problem is not None
    assert problem.startswith("data: ")
    assert str(MAX_DATA_BYTES) in problem or "64 bits" in problem
