"""Random histories full of repetitions, beside a journal that is never told anything twice: both end up alike.

Two nodes with a short history write to one database, and days pass. The reference is a user whose journal was never
told the repetitions, and whose operations have no id.
"""

from collections.abc import Callable
from itertools import count
from typing import Literal, Protocol
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages.change import Change
from actors.messages.journal import Operation, Outcome, Status
from actors.messages.journal_reads import Item
from crdt.hlc import HLCTimestamp
from storage.journal.history import PRUNE_EVERY, HistoryLimits
from storage.journal.journal_store import SqlJournalStore
from storage.rules.list_journal import TOO_OLD
from tests.whole_list import whole_list

NOW_MS = 1_700_000_000_000
DAY_MS = 24 * 3600 * 1000
LIMITS = HistoryLimits(max_operations=3)
CONTENTS = tuple(str(UUID(int=n)) for n in range(3))
TAGS = ("phone:1", "phone:2", "movie", "syncd:1", "syncd:50", "")

WRITES = st.builds(
    Operation,
    line=st.just("ann"),
    device_id=st.sampled_from(["tv", "phone"]),
    change=st.builds(
        Change,
        action=st.sampled_from(["add", "remove"]),
        content_id=st.sampled_from(CONTENTS),
        operation_id=st.sampled_from([f"op {n}" for n in range(8)]),
        tag=st.none() | st.sampled_from(TAGS),
        observed=st.none() | st.integers(0, 8),
    ),
    timestamp=st.builds(HLCTimestamp, st.sampled_from([1, NOW_MS, NOW_MS + 1]), st.just(0), st.sampled_from("ab")),
    removed_tags=st.just(()) | st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
)
BATCHES = st.tuples(st.integers(0, 1), st.lists(WRITES, min_size=1, max_size=6))
Step = Literal["fill", "week"] | tuple[int, list[Operation]]
"""Other writes, so many that the history drops all before; a week goes by; or a batch to one of the nodes."""
OTHERS: tuple[Step, ...] = ("fill", "week")
STEPS: st.SearchStrategy[list[Step]] = st.lists(st.sampled_from(OTHERS) | BATCHES, min_size=2, max_size=10)

OpenJournal = Callable[..., SqlJournalStore]
Answered = tuple[Status, int | None, tuple[str, ...] | None, HLCTimestamp | None, str | None, str | None]
Listed = list[tuple[str, str, int, HLCTimestamp, str]]
examples = count()


def answered(outcome: Outcome) -> Answered:
    update = outcome.update
    return (
        outcome.status,
        outcome.revision,
        update.tags if update else None,
        update.timestamp if update else None,
        outcome.reason,
        outcome.field,
    )


def listed(items: tuple[Item, ...]) -> Listed:
    return [(item.content_id, item.tag, item.added_revision, item.timestamp, item.device_id) for item in items]


class Model:
    """The first answers, and a reference that is told only what is no repetition."""

    def __init__(self, reference: SqlJournalStore, user_id: str) -> None:
        self.reference = reference
        self.user_id = user_id
        self.first: dict[str, tuple[Operation, Answered]] = {}

    def expects(self, operation: Operation, now_ms: int) -> Answered | None:
        """Return what must be answered; ``None``: a refusal by name of an id that was used for something else."""
        operation_id = operation.change.operation_id
        assert operation_id is not None
        if operation_id in self.first:
            first, answer = self.first[operation_id]
            is_same = (first.change.action, first.content_id) == (operation.change.action, operation.content_id)
            return answer if is_same else None
        answer = self.decides(operation, now_ms)
        self.first[operation_id] = operation, answer
        return answer

    def decides(self, operation: Operation, now_ms: int) -> Answered:
        change = operation.change
        names_its_effect = (
            change.tag is not None
            if change.action == "add"
            else change.observed is not None or operation.removed_tags != ()
        )
        if not names_its_effect and operation.timestamp.physical < now_ms - LIMITS.min_answer_age_ms:
            return Status.REFUSED, None, None, None, TOO_OLD, "timestamp"
        without_id = replace(operation, line=self.user_id, change=replace(change, operation_id=None))
        return answered(self.reference.commit([without_id])[0])


class WallClock(Protocol):
    now_ms: int


@pytest.fixture
def nodes(open_journal: OpenJournal, database_url: str) -> list[SqlJournalStore]:
    return [open_journal(database_url, LIMITS) for _ in range(2)]


def fill(journal: SqlJournalStore, user_id: str) -> None:
    adds = [
        Operation(
            line=user_id,
            device_id="tv",
            change=Change("add", str(UUID(int=1_000 + number))),
            timestamp=HLCTimestamp(NOW_MS, 0, "a"),
        )
        for number in range(PRUNE_EVERY)
    ]
    assert all(outcome.is_new for outcome in journal.commit(adds))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_repetitions_of_any_kind_are_answered_as_at_first_and_leave_no_trace(
    nodes: list[SqlJournalStore], wall_clock: WallClock, steps: list[Step]
) -> None:
    example = next(examples)  # all examples share the database
    user, reference = f"ann {example}", f"reference {example}"
    model = Model(nodes[0], reference)
    wall_clock.now_ms = NOW_MS
    for step in steps:
        match step:
            case "fill":
                fill(nodes[0], user)
                fill(nodes[0], reference)
            case "week":
                wall_clock.now_ms = min(wall_clock.now_ms + 7 * DAY_MS, NOW_MS + 28 * DAY_MS)
            case node, writes:
                batch = [replace(operation, line=user) for operation in writes]
                expected = [model.expects(operation, wall_clock.now_ms) for operation in batch]
                outcomes = nodes[int(node)].commit(batch)
                for outcome, answer in zip(outcomes, expected, strict=True):
                    if answer is None:
                        assert outcome.status is Status.REFUSED
                        assert "was used before" in (outcome.reason or "")
                    else:
                        assert answered(outcome) == answer
        assert listed(whole_list(nodes[1], user).items) == listed(whole_list(nodes[1], reference).items)
        assert len({head.revision for head in nodes[0].heads([user, reference])}) == 1
