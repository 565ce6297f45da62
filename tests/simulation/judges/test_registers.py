"""For each member of a register the latest update must hold, and what is shown of it is what the journal holds."""

import re
from typing import Any, Final

import pytest
from msgspec.structs import replace
from syncd_client.data.hlc import Timestamp
from syncd_client.data.user_state import PendingWrite

from simulation.clock.event_log import text_of
from simulation.judges.registers import RegisterVersions, RegisterWitness, Version, Word, judge_registers, stamp_of
from simulation.life import run_world
from simulation.shape import Fault, draw_shape
from tests.simulation.javascript import NEEDS_NODE

LINE: Final = "ann\x1fprogress"
EARLY, LATE = stamp_of(1, 0, "tv"), stamp_of(2, 0, "phone")


def version(revision: int, position: int | None = 9, stamp: tuple[int, str] = LATE) -> Version:
    return Version(revision, "a", {"position": (position, stamp), "state": ("paused", stamp)})


def told(revision: int, position: int = 9) -> dict[str, Any]:
    fields = {"position": position, "duration": 0, "state": "paused", "watched": False}
    return {"content_id": "a", "action": "update", "revision": revision, **fields}


@pytest.fixture
def violations() -> list[str]:
    return []


@pytest.fixture
def witness(violations: list[str]) -> RegisterWitness:
    witness = RegisterWitness(violations.append)
    witness.words["ann", "r.1"] = Word("a", {"position": 5, "state": "paused"}, EARLY)
    witness.words["ann", "r.2"] = Word("a", {"position": 9, "state": "paused"}, LATE)
    return witness


GOOD = RegisterVersions(2, (version(1, 5, EARLY), version(2)))
JOURNALS = {
    "the latest word": (GOOD, True),
    "both in one transaction": (RegisterVersions(2, (version(2),)), True),
    "an earlier word": (RegisterVersions(1, (version(1, 5, EARLY),)), False),
    "nothing": (RegisterVersions(0, ()), False),
    "another value": (RegisterVersions(2, (version(1, 5, EARLY), version(2, 6))), False),
    "what nobody has said": (RegisterVersions(1, (version(1, stamp=stamp_of(3, 0, "tv")),)), False),
    "a revision twice": (RegisterVersions(2, (version(2, 5, EARLY), version(2))), False),
    "a head beyond": (RegisterVersions(3, (version(1, 5, EARLY), version(2))), False),
}


@pytest.mark.parametrize(("journal", "is_fine"), JOURNALS.values(), ids=JOURNALS)
def test_the_latest_word_holds(witness: RegisterWitness, journal: RegisterVersions, is_fine: bool) -> None:
    assert (list(judge_registers(witness, LINE, journal)) == []) is is_fine


def test_a_word_that_its_device_has_replaced_need_not_have_been_sent(witness: RegisterWitness) -> None:
    earlier = RegisterVersions(1, (version(1, 5, EARLY),))
    witness.drops("ann", "r.2")
    assert list(judge_registers(witness, LINE, earlier)) == []
    witness.dropped.clear()
    witness.acknowledged["ann", "r.2"] = None
    witness.drops("ann", "r.2")
    assert list(judge_registers(witness, LINE, earlier))


def test_a_word_that_the_service_stamps_is_known_by_its_value(witness: RegisterWitness) -> None:
    write = PendingWrite(
        operation_id="r.3",
        operation="remove",
        content_id="a",
        tag=None,
        observed=0,
        timestamp=Timestamp(9, 0, "tv"),
        is_unstamped=True,
    )
    witness.wants("ann", write)
    gone = version(3, None, stamp_of(4, 0, "node"))
    removed = replace(gone, members={name: (None, stamp) for name, (_, stamp) in gone.members.items()})
    assert list(judge_registers(witness, LINE, RegisterVersions(3, (*GOOD.versions, removed)))) == []
    assert list(judge_registers(witness, LINE, RegisterVersions(3, (*GOOD.versions, gone))))


def test_what_is_shown_is_what_the_journal_holds(witness: RegisterWitness, violations: list[str]) -> None:
    witness.show(LINE, told(2))
    witness.show_all(LINE, 1, {"a": told(1, 5)})
    witness.show_all(LINE, 1, {})  # it has changed since, and comes behind
    assert (violations, list(judge_registers(witness, LINE, GOOD))) == ([], [])
    witness.show(LINE, told(2, 8))
    assert len(violations) == 1
    witness.show(LINE, told(3))
    witness.show_all(LINE, 2, {})
    witness.show_all(LINE, 2, {"a": told(2, 8)})
    assert len(list(judge_registers(witness, LINE, GOOD))) == 3


@pytest.mark.parametrize("javascript", [0.0, pytest.param(1.0, marks=NEEDS_NODE)])
def test_users_play_and_go_on_where_they_were(javascript: float) -> None:
    faults = frozenset({Fault.NETWORK_IS_LOST, Fault.APP_IS_KILLED})
    shape = replace(
        draw_shape(2), nodes=2, users=1, devices=2, steps=100, javascript=javascript, lists=0, follows=False
    )
    verdict = run_world(replace(shape, plays=True, faults=faults))
    assert verdict.violations == ()
    said = "\n".join(map(text_of, verdict.events))
    assert re.search(r"device \S+ +update progress of", said)
    assert "remove progress" in said
    assert "since=progress:" in said
