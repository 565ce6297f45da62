"""What a connection is told is judged as it comes."""

from typing import Any

import pytest
from syncd_client.data.hlc import NEVER
from syncd_client.data.user_state import PendingWrite

from simulation.judges.watch import ConnectionWatch
from simulation.judges.witness import Witness

ANN, BOB = "00000000-0000-4000-8000-00000000000a", "00000001-0000-4000-8000-00000000000b"


@pytest.fixture
def witness() -> Witness:
    witness = Witness()
    witness.marks = {"ann": "00000000-", "bob": "00000001-"}
    write = PendingWrite(operation_id="r.1", operation="add", content_id=ANN, tag="r:1", observed=0, timestamp=NEVER)
    witness.wants("ann", write)
    return witness


def update(revision: int, content_id: str = ANN) -> dict[str, Any]:
    return {"type": "watchlist_update", "revision": revision, "action": "add", "content_id": content_id}


def listed(revision: int, *contents: str) -> dict[str, Any]:
    items = [{"content_id": one} for one in contents]
    return {"type": "watchlist_snapshot", "revision": revision, "epoch": "e", "items": items}


def resumed(revision: int, *, recovered: bool = True) -> dict[str, Any]:
    return {"type": "resumed", "recovered": recovered, "revision": revision, "epoch": "e"}


def piece(revision: int, content_id: str, **more: Any) -> dict[str, Any]:
    items = [{"content_id": content_id}]
    return {"type": "watchlist_snapshot_piece", "revision": revision, "epoch": "e", "items": items, **more}


KIDS: dict[str, Any] = {"list": "kids"}
OF_KIDS = {"type": "list_update", **KIDS}
ACK = {"type": "ack", "id": "r.1", "status": "added", "revision": 3}

GOOD: dict[str, list[dict[str, Any]]] = {
    "in order": [resumed(4), update(3), update(4), update(5)],
    "from a list": [resumed(9, recovered=False), listed(9, ANN), update(10)],
    "from a list in pieces": [
        resumed(9, recovered=False),
        piece(9, ANN, start=True, next="1"),
        piece(9, ANN),
        update(10),
    ],
    "a list in between": [resumed(3), update(3), resumed(9, recovered=False), listed(9, ANN), update(10)],
    "answered twice alike": [ACK, ACK],
    "to be tried again": [{"type": "error", "id": "r.1", "code": "try_again_later"}, ACK],
}

BAD: dict[str, list[dict[str, Any]]] = {
    "a gap": [resumed(5), update(3), update(5)],
    "twice": [resumed(4), update(3), update(3)],
    "from the wrong place": [resumed(4), update(4)],
    "before it was said where": [update(3)],
    "behind a list that is not there": [resumed(9, recovered=False), update(10)],
    "a list of another epoch": [resumed(4, recovered=False), {**listed(4, ANN), "epoch": "f"}],
    "a list unasked": [resumed(4), listed(4, ANN)],
    "resumed twice": [resumed(4), resumed(4)],
    "somebody else's": [resumed(4), update(3, BOB)],
    "somebody else's list": [resumed(4, recovered=False), listed(4, BOB)],
    "answered in two ways": [ACK, {**ACK, "revision": 4}],
    "an answer to nothing": [{**ACK, "id": "r.2"}],
    "refused": [{"type": "error", "id": "r.1", "code": "refused"}],
}


@pytest.mark.parametrize("told", GOOD.values(), ids=GOOD)
def test_what_the_protocol_promises_passes(witness: Witness, told: list[dict[str, Any]]) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=2")
    for message in told:
        watch.see(message)
    assert witness.violations == []


@pytest.mark.parametrize("told", BAD.values(), ids=BAD)
def test_what_the_protocol_excludes_is_a_violation(witness: Witness, told: list[dict[str, Any]]) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=2")
    for message in told:
        watch.see(message)
    assert len(witness.violations) == 1


def test_what_comes_after_the_end_is_not_judged(witness: Witness) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=2")
    watch.end()
    watch.see(update(17))
    assert witness.violations == []


@pytest.mark.parametrize(("target", "is_fine"), [("&epoch=e", True), ("", True), ("&epoch=f", False)])
def test_a_revision_is_resumed_in_its_own_epoch(witness: Witness, target: str, is_fine: bool) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", f"/ws?since=2{target}")
    watch.see(resumed(2))
    assert (witness.violations == []) is is_fine


@pytest.mark.parametrize(("epoch", "observed"), [("e", 0), ("f", None)])
def test_a_write_is_of_the_list_from_which_its_device_starts_in_another_epoch(
    witness: Witness, epoch: str, observed: int | None
) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", f"/ws?since=2&epoch={epoch}")
    watch.see(resumed(9, recovered=False))
    assert witness.wanted["ann", "r.1"].observed == observed


@pytest.mark.parametrize("code", [4001, 4002])
def test_whoever_has_a_good_link_is_not_closed_for_silence_or_slowness(witness: Witness, code: int) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=2")
    watch.closed(code, is_link_fine=False)
    watch.closed(1001, is_link_fine=True)
    assert witness.violations == []
    watch.closed(code, is_link_fine=True)
    assert witness.violations == [f"tv of ann was closed with {code}, and its link was fine"]


@pytest.mark.parametrize("code", [1000, 1002, 1009, 1011, 4003, 4502, 4503])
def test_no_connection_ends_for_a_rule_that_is_broken_or_a_defect(witness: Witness, code: int) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=2")
    for is_link_fine in (True, False):
        watch.closed(code, is_link_fine=is_link_fine)
    assert witness.violations == [f"tv of ann was closed with {code}"] * 2


PLAYED = {"content_id": ANN, "position": 1, "duration": 0, "state": "paused", "watched": False}


def progress(revision: int) -> dict[str, Any]:
    return {"type": "progress_update", "action": "update", "revision": revision, **PLAYED}


OF_PROGRESS: dict[str, Any] = {"collection": "progress"}
SNAPSHOT = {"type": "progress_snapshot", "epoch": "e", "items": [PLAYED]}


@pytest.mark.parametrize(
    ("told", "is_fine"),
    [
        ([resumed(9) | OF_PROGRESS, progress(5), progress(9), progress(10)], True),
        ([resumed(9) | OF_PROGRESS, progress(5), progress(10)], False),
        ([resumed(9) | OF_PROGRESS, progress(9), progress(9)], False),
        ([resumed(4) | OF_PROGRESS, progress(5), progress(7)], False),
        ([resumed(4) | OF_PROGRESS, progress(5), resumed(9) | OF_PROGRESS, progress(7), progress(9)], True),
        ([resumed(9, recovered=False) | OF_PROGRESS, SNAPSHOT | {"revision": 9}, progress(10)], True),
        ([resumed(9, recovered=False) | OF_PROGRESS, SNAPSHOT | {"revision": 9}, progress(11)], False),
        ([progress(5)], False),
    ],
)
def test_what_was_missed_of_progress_has_holes_and_nothing_else(
    witness: Witness, told: list[dict[str, Any]], is_fine: bool
) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=watchlist:2&since=progress:4")
    for message in told:
        watch.see(message)
    assert (witness.violations == []) is is_fine


FOLLOWING = "/ws?since=watchlist:2&since=list:kids:5:e&since=list:later:0"


@pytest.mark.parametrize(
    ("told", "is_fine"),
    [
        ([resumed(2), resumed(6) | KIDS, update(6) | OF_KIDS, update(3)], True),
        ([resumed(2), update(6) | OF_KIDS], False),
        ([resumed(6) | KIDS, update(3) | OF_KIDS], False),
        ([resumed(9) | {"list": "others"}], False),
        (
            [resumed(9, recovered=False) | KIDS, listed(9) | {"type": "list_snapshot"} | KIDS, update(10) | OF_KIDS],
            True,
        ),
        ([resumed(9, recovered=False) | KIDS, piece(9, ANN) | {"type": "list_snapshot_piece", "list": "later"}], False),
        ([resumed(6) | KIDS | {"epoch": "f"}], False),
    ],
)
def test_each_list_that_is_followed_is_judged_for_itself(
    witness: Witness, told: list[dict[str, Any]], is_fine: bool
) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", FOLLOWING)
    for message in told:
        watch.see(message)
    assert (witness.violations == []) is is_fine


def test_the_rest_of_a_list_that_another_connection_began_is_not_taken_for_the_whole(witness: Witness) -> None:
    watch = ConnectionWatch(witness, "ann", "tv", "/ws?since=2&snapshot_cursor=c")
    for told in (resumed(9, recovered=False), piece(9, ANN), update(10)):
        watch.see(told)
    assert (witness.violations, witness.snapshots) == ([], {})
    for told in (resumed(11, recovered=False), piece(11, ANN, start=True)):
        watch.see(told)
    assert list(witness.snapshots) == [("ann", 11)]
