from hypothesis import given
from hypothesis import strategies as st

from actors.watchlist.revision_line import RevisionLine, Step


def test_the_next_passes_an_older_one_is_dropped_and_a_later_one_shows_a_gap() -> None:
    line = RevisionLine(3)
    assert (line.arrive(4), line.arrive(4), line.arrive(2), line.arrive(7)) == (Step.NEXT, Step.OLD, Step.OLD, Step.GAP)
    assert (line.head, line.seen, line.is_behind) == (4, 7, True)


def test_a_hint_shows_a_gap_too() -> None:
    line = RevisionLine(3)
    line.see(2)
    assert not line.is_behind
    line.see(4)
    assert line.is_behind
    assert line.head == 3


def test_after_a_jump_it_goes_on_from_there() -> None:
    line = RevisionLine(3)
    line.see(5)
    line.jump(9)
    assert not line.is_behind
    assert line.arrive(10) is Step.NEXT


def test_what_the_journal_does_not_confirm_is_forgotten_after_one_look() -> None:
    line = RevisionLine(3)
    line.see(10**9)
    line.begin_look()
    assert not line.end_look(3)
    assert not line.is_behind
    line.see(4)
    assert line.is_behind


def test_what_is_named_during_a_look_is_looked_for_after_it_however_great_the_wrong_one_was() -> None:
    line = RevisionLine(3)
    line.see(10**9)
    line.begin_look()
    assert line.arrive(5) is Step.GAP  # perhaps committed after the journal had read
    assert not line.end_look(3)
    assert line.is_behind
    line.begin_look()
    assert [line.arrive(4), line.arrive(5)] == [Step.NEXT, Step.NEXT]
    assert line.end_look(5)
    assert not line.is_behind


def test_a_revision_of_another_epoch_neither_passes_nor_counts_and_is_to_be_looked_into() -> None:
    line = RevisionLine(3, "e")
    assert line.arrive(4, "other") is Step.OTHER
    assert (line.head, line.seen, line.is_behind) == (3, 3, True)
    line.begin_look()
    assert line.arrive(4, "e") is Step.NEXT
    assert line.end_look(4)
    assert not line.is_behind
    assert [line.arrive(5, None), RevisionLine(4).arrive(5, "any")] == [Step.NEXT, Step.NEXT]


def test_a_look_that_fails_leaves_the_line_doubtful() -> None:
    line = RevisionLine(3, "e")
    line.see(2, "other")
    line.begin_look()
    line.fail_look()
    assert line.is_behind


def test_a_look_that_fails_is_to_be_repeated() -> None:
    line = RevisionLine(3)
    line.see(5)
    line.begin_look()
    line.fail_look()
    assert line.is_behind


def test_what_a_failed_look_was_for_is_judged_by_the_next_one() -> None:
    line = RevisionLine(3)
    line.see(10**9)
    line.begin_look()
    line.fail_look()
    line.begin_look()
    assert not line.end_look(3)
    assert not line.is_behind


def test_a_look_into_a_line_of_nothing_is_not_repeated() -> None:
    line = RevisionLine()
    line.see(1)
    line.begin_look()
    assert not line.end_look(0)
    assert not line.is_behind


def test_a_journal_that_was_restored_is_followed_back_after_one_look() -> None:
    line = RevisionLine(50)
    line.see(51)  # from before the restore
    line.begin_look()
    assert not line.end_look(20)
    line.jump(20)
    assert (line.head, line.is_behind) == (20, False)
    assert line.arrive(21) is Step.NEXT


@given(st.lists(st.integers(1, 12), max_size=60))
def test_in_whatever_order_and_number_they_come_each_passes_once_and_in_order(arrivals: list[int]) -> None:
    line = RevisionLine()
    passed = [revision for revision in arrivals if line.arrive(revision) is Step.NEXT]
    assert passed == list(range(1, len(passed) + 1))
    assert line.seen == max(arrivals, default=0)
    for revision in range(line.head + 1, line.seen + 1):  # what the journal gives
        assert line.arrive(revision) is Step.NEXT
    assert not line.is_behind
