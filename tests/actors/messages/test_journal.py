from uuid import UUID

from actors.messages.change import Change
from actors.messages.journal import Operation, Outcome, Status, Update
from crdt.hlc import HLCTimestamp

CHANGE = Change("add", UUID("0B0E6A4E-52A5-4A5B-9A1F-00000000000A"))
CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
STAMP = HLCTimestamp(1, 0, "n")
UPDATE = Update(line="ann", revision=7, change=CHANGE, tags=("tv:1",), timestamp=STAMP, device_id="tv")


def test_a_content_has_one_spelling_in_the_journal() -> None:
    assert Operation(line="ann", device_id="tv", change=CHANGE, timestamp=STAMP).content_id == CONTENT_ID
    assert UPDATE.content_id == CONTENT_ID


def test_an_outcome_has_the_revision_of_what_was_recorded() -> None:
    assert Outcome(status=Status.ADDED, update=UPDATE).revision == 7
    assert Outcome(status=Status.NOT_FOUND).revision is None
