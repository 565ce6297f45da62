from actors.messages.change import Change
from actors.messages.journal import Outcome, Status, Update
from crdt.hlc import HLCTimestamp

CHANGE = Change("add", "0b0e6a4e-52a5-4a5b-9a1f-00000000000a")
STAMP = HLCTimestamp(1, 0, "n")
UPDATE = Update(line="ann", revision=7, change=CHANGE, tags=("tv:1",), timestamp=STAMP, device_id="tv")


def test_an_outcome_has_the_revision_of_what_was_recorded() -> None:
    assert Outcome(status=Status.ADDED, update=UPDATE).revision == 7
    assert Outcome(status=Status.NOT_FOUND).revision is None
