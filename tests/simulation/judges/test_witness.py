"""What all devices of a user are shown and answered is the same, and what a restore takes back is not missed."""

import pytest
from syncd_client.core import events
from syncd_client.data.hlc import NEVER
from syncd_client.data.user_state import PendingWrite

from simulation.judges.witness import Answer, Wanted, Witness

ANN = "00000000-0000-4000-8000-00000000000a"


def update(action: str, **more: str) -> dict[str, str]:
    return {"action": action, "content_id": ANN, **more}


@pytest.fixture
def witness() -> Witness:
    witness = Witness()
    witness.marks = {"ann": "00000000-"}
    write = PendingWrite(operation_id="r.1", operation="add", content_id=ANN, tag="r:1", observed=0, timestamp=NEVER)
    witness.wants("ann", write)
    return witness


def test_what_was_acknowledged_after_the_backup_may_be_lost_and_nothing_else(witness: Witness) -> None:
    for number, revision in ((1, 1), (2, 2), (3, None), (4, 4), (5, None), (6, None)):
        witness.wanted["ann", f"r.{number}"] = Wanted("r", "add", ANN, 0)
        if number == 4:
            witness.back_up()
        if number < 6:
            witness.answered("ann", f"r.{number}", Answer("added" if revision else "existing", revision))
    for revision in (1, 2, 4):
        witness.show("ann", revision, update("add"))
        witness.show_list("ann", revision, frozenset({(ANN, "")}))
    witness.go_back({"ann": 2})
    assert list(witness.answers) == [("ann", "r.1"), ("ann", "r.2"), ("ann", "r.3")]
    assert witness.lost == {("ann", "r.4"), ("ann", "r.5")}
    assert list(witness.shown) == list(witness.snapshots) == [("ann", 1), ("ann", 2)]
    confirmed = events.Confirmed(operation_id="r.4", operation="add", content_id=ANN, status="added")
    witness.confirmed("ann", confirmed)  # its device had its answer
    witness.show("ann", 4, update("remove"))
    witness.answered("ann", "r.4", Answer("added", 3))
    assert witness.violations == []
    witness.answered("ann", "r.2", Answer("added", 3))
    assert len(witness.violations) == 1


def test_two_devices_are_shown_the_same(witness: Witness) -> None:
    witness.show("ann", 3, update("add"))
    witness.show("ann", 3, update("add"))
    witness.show_list("ann", 3, frozenset({(ANN, "")}))
    assert witness.violations == []
    witness.show("ann", 3, update("remove"))
    witness.show_list("ann", 3, frozenset())
    assert len(witness.violations) == 2
    witness.show("ann", 3, update("add", position="a"))
    assert len(witness.violations) == 3


def test_an_app_is_told_what_the_service_has_answered(witness: Witness) -> None:
    confirmed = events.Confirmed(operation_id="r.1", operation="add", content_id=ANN, status="added")
    witness.confirmed("ann", confirmed)
    assert len(witness.violations) == 1
    witness.answered("ann", "r.1", Answer("added", 3))
    witness.confirmed("ann", confirmed)
    assert len(witness.violations) == 1
    witness.refused("ann", events.Refused(operation_id="r.1", operation="add", content_id=ANN, code="c", message="m"))
    assert len(witness.violations) == 2
