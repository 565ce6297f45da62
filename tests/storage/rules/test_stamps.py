"""Whose stamp an operation is applied under: its author's as it is, the service's above all that is there."""

from msgspec import structs

from actors.messages.change import Change
from actors.messages.journal import Operation, Status
from crdt.hlc import MAX_LOGICAL, HLCTimestamp
from storage.rules.list_journal import NO_HEAD, ListJournal
from storage.rules.stamps import stamped_behind
from tests.storage.rules.test_register_journal import empty_journal, says, value

CLOCK = HLCTimestamp(5_000, 7, "ahead")
BEHIND = HLCTimestamp(4_000, 0, "behind")


def an_add(stamp: HLCTimestamp, *, is_stamped_here: bool, note: int = 0) -> Operation:
    change = Change("add", "film", data={"note": note})
    return Operation(line="ann", device_id="tv", change=change, timestamp=stamp, is_stamped_here=is_stamped_here)


def test_a_stamp_of_the_service_is_raised_above_the_clock_and_stays_its_nodes() -> None:
    raised = stamped_behind(CLOCK, an_add(BEHIND, is_stamped_here=True))
    assert raised.timestamp == HLCTimestamp(5_000, 8, "behind")
    full = structs.replace(CLOCK, logical=MAX_LOGICAL)
    assert stamped_behind(full, an_add(full, is_stamped_here=True)).timestamp == HLCTimestamp(5_001, 0, "ahead")


def test_an_authors_stamp_and_a_later_one_stay_as_they_are() -> None:
    for operation in (
        an_add(BEHIND, is_stamped_here=False),
        an_add(HLCTimestamp(6_000, 0, "here"), is_stamped_here=True),
    ):
        assert stamped_behind(CLOCK, operation) is operation


def test_of_progress_written_through_two_nodes_the_later_write_holds_whatever_their_clocks_say() -> None:
    journal = empty_journal()
    journal.apply(structs.replace(says(5, 50), is_stamped_here=True))
    later = journal.apply(structs.replace(says(4, 40), is_stamped_here=True))
    assert (later.status, later.revision, value(later)["position"]) == (Status.UPDATED, 2, 40)
    assert journal.new_head.clock > HLCTimestamp(5_000, 0, "tv")


def test_of_an_items_data_written_through_two_nodes_the_later_holds_whatever_their_clocks_say() -> None:
    journal = ListJournal("ann", NO_HEAD, {}, 0)
    journal.apply(an_add(CLOCK, is_stamped_here=True, note=1))
    later = journal.apply(an_add(BEHIND, is_stamped_here=True, note=2))
    assert later.update is not None
    assert later.update.change.data == {"note": 2}
    assert later.update.timestamp > CLOCK
