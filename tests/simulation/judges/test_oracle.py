"""The journal's rows are held against what was wanted, answered and shown."""

import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from simulation.judges.lines import line_of
from simulation.judges.oracle import ADD, Journal, Row, judge, judge_for_now
from simulation.judges.witness import Answer, Item, Wanted, Witness

REMOVE = "watchlist.remove"


def row(revision: int, kind: str = ADD, content_id: str = "a", operation_id: str | None = "r.0") -> Row:
    return Row(revision, kind, content_id, "tv", operation_id)


def listed(*contents: str) -> frozenset[Item]:
    return frozenset((content_id, "") for content_id in contents)


def added(revision: int) -> Row:
    return row(revision, operation_id="r.1")


GOOD = Journal(1, (added(1),), listed("a"))


@pytest.fixture
def witness() -> Witness:
    witness = Witness()
    witness.wanted["ann", "r.1"] = Wanted("r", "add", "a", 0)
    witness.answers["ann", "r.1"] = Answer("added", 1)
    witness.shown["ann", 1] = ("add", "a", "")
    witness.snapshots["ann", 1] = listed("a")
    return witness


def test_a_kept_promise_passes(witness: Witness) -> None:
    assert list(judge(witness, "ann", GOOD)) == []


def test_other_users_rows_are_judged_by_themselves(witness: Witness) -> None:
    assert list(judge(witness, "bob", Journal(0, (), frozenset()))) == []


JOURNALS = {
    "the first revision is missing": Journal(2, (added(2),), listed("a")),
    "the head is ahead": Journal(2, (added(1),), listed("a")),
    "an operation is there twice": Journal(2, (added(1), added(2)), listed("a")),
    "an acknowledged write is not there": Journal(0, (), frozenset()),
    "the list is another one": Journal(1, (added(1),), frozenset()),
    "another content": Journal(1, (row(1, content_id="b", operation_id="r.1"),), listed("b")),
    "a remove of nothing": Journal(2, (added(1), row(2, REMOVE, "b")), listed("a")),
}


@pytest.mark.parametrize("journal", JOURNALS.values(), ids=JOURNALS)
def test_a_journal_that_breaks_the_promise_does_not_pass(witness: Witness, journal: Journal) -> None:
    assert list(judge(witness, "ann", journal))


CHANGES: dict[str, Callable[[Witness], object]] = {
    "never answered": lambda witness: witness.answers.clear(),
    "no revision": lambda witness: witness.answers.update({("ann", "r.1"): Answer("added", None)}),
    "another revision": lambda witness: witness.answers.update({("ann", "r.1"): Answer("added", 2)}),
    "shown otherwise": lambda witness: witness.shown.update({("ann", 1): ("remove", "a", "")}),
    "shown and not there": lambda witness: witness.shown.update({("ann", 2): ("add", "a", "")}),
    "another list": lambda witness: witness.snapshots.update({("ann", 1): frozenset()}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_answer_that_breaks_the_promise_does_not_pass(witness: Witness, change: Callable[[Witness], object]) -> None:
    change(witness)
    assert list(judge(witness, "ann", GOOD))


def test_what_a_restore_has_lost_is_not_missed(witness: Witness) -> None:
    witness.go_back({})
    empty = Journal(0, (), frozenset())
    assert list(judge(witness, "ann", empty)) == []
    witness.lost.clear()
    assert list(judge(witness, "ann", empty)) == ["r.1 (add a) was never answered"]
    assert list(judge_for_now(witness, "ann", empty)) == []


@pytest.mark.parametrize(
    ("observed", "author", "is_fine"),
    [(0, "other", False), (1, "other", True), (None, "other", True), (0, "r", True)],
    ids=["it had not seen the add", "it had", "it takes what is there", "it is the author of the add"],
)
def test_an_add_is_outlived_by_removes_that_had_seen_it(
    witness: Witness, observed: int | None, author: str, is_fine: bool
) -> None:
    witness.wanted["ann", "o.1"] = Wanted(author, "remove", "a", observed)
    witness.answers["ann", "o.1"] = Answer("removed", 2)
    removed = Row(2, REMOVE, "a", "phone", "o.1")
    said = list(judge(witness, "ann", Journal(2, (added(1), removed), frozenset())))
    assert (said == []) is is_fine


def test_a_foreign_add_is_one_however_many_nodes_take_it_in(witness: Witness) -> None:
    witness.foreign["ann", "movie-1"] = "a"
    foreign = Row(2, ADD, "a", "outside", None, '["movie-1"]')
    assert list(judge(witness, "ann", Journal(2, (added(1), foreign), listed("a")))) == []
    again = Row(3, ADD, "a", "outside", None, '["movie-1"]')
    assert list(judge(witness, "ann", Journal(3, (added(1), foreign, again), listed("a")))) == [
        "revision 3 adds movie-1 again"
    ]
    stranger = Row(2, ADD, "a", "outside", None, '["movie-2"]')
    assert list(judge(witness, "ann", Journal(2, (added(1), stranger), listed("a")))) == ["revision 2 is nobody's"]


def test_a_foreign_remove_takes_the_tags_that_it_names(witness: Witness) -> None:
    witness.foreign_removes["ann", "a"] = [frozenset({"r:1", "r:2"}), frozenset({"r:3"})]

    def said(*tags: str) -> list[str]:
        removed = Row(2, REMOVE, "a", "outside", None, json.dumps(tags))
        return list(judge(witness, "ann", Journal(2, (Row(1, ADD, "a", "tv", "r.1", '["r:1"]'), removed), frozenset())))

    assert said("r:1") == said("r:2", "r:1") == []
    assert said("r:1", "r:3") == ['revision 2 removes ["r:1", "r:3"], which nobody has named together']
    witness.foreign_removes["ann", "b"] = witness.foreign_removes.pop(("ann", "a"))
    assert len(said("r:1")) == 2


def test_an_add_that_a_publisher_has_named_may_go_with_a_remove_of_the_rest(witness: Witness) -> None:
    witness.wanted["ann", "o.1"] = Wanted("o", "remove", "a", 1)
    witness.answers["ann", "o.1"] = Answer("removed", 3)
    rows = added(1), Row(2, ADD, "a", "tv", "r.2", '["r:2"]'), Row(3, REMOVE, "a", "phone", "o.1")
    witness.wanted["ann", "r.2"], witness.answers["ann", "r.2"] = Wanted("r", "add", "a", 1), Answer("existing", 2)
    assert len(list(judge(witness, "ann", Journal(3, rows, frozenset())))) == 1
    witness.foreign_removes["ann", "a"] = [frozenset({"r:2"})]
    assert list(judge(witness, "ann", Journal(3, rows, frozenset()))) == []


OURS = line_of("ann", "ours")


def of_list(*rows: Row, head: int, ends: tuple[int, ...] = ()) -> Journal:
    """A list that was added to, and deleted at ``ends``."""
    journal = Journal(head, rows, frozenset(), ends)
    return replace(journal, listed=journal.list_at(head or 99))


@pytest.fixture
def of_ours() -> Witness:
    """Two adds to a list, and its deletion between them."""
    witness = Witness()
    for number, revision in ((1, 4), (2, 7)):
        witness.wanted["ann", f"r.{number}"] = Wanted("r", "add", "a", None, "ours", {"position": str(number)})
        witness.answers["ann", f"r.{number}"] = Answer("added", revision)
    for is_done in (False, False, True):
        witness.deletes(OURS, is_done=is_done)
    return witness


def add(number: int, revision: int, carries: str, stamp: int) -> Row:
    return Row(revision, ADD, "a", "tv", f"r.{number}", stamp=(stamp, "tv"), carries=carries)


ONE, TWO = '{"position": "1"}', '{"position": "2"}'
LISTS = {
    "deleted, and there again": (of_list(add(1, 4, ONE, 9), add(2, 7, TWO, 8), head=7, ends=(4,)), 0),
    "deleted twice": (of_list(add(1, 4, ONE, 9), add(2, 7, TWO, 8), head=0, ends=(4, 7)), 0),
    "deleted more often than asked": (of_list(add(1, 4, ONE, 9), add(2, 7, TWO, 8), head=0, ends=(4, 7, 9)), 1),
    "never deleted": (of_list(add(1, 4, ONE, 9), add(2, 7, ONE, 8), head=7), 2),
    "goes on where it ended": (of_list(add(1, 6, ONE, 9), add(2, 7, TWO, 8), head=7, ends=(6,)), 2),
    "there after it ended": (of_list(add(1, 4, ONE, 9), add(2, 7, TWO, 8), head=7, ends=(4, 7)), 1),
    "carries what it did before": (of_list(add(1, 4, ONE, 9), add(2, 7, ONE, 8), head=7, ends=(4,)), 1),
}


@pytest.mark.parametrize(("journal", "wrong"), LISTS.values(), ids=LISTS)
def test_a_list_goes_on_later_and_without_what_was_in_it_where_one_was_deleted(
    of_ours: Witness, journal: Journal, wrong: int
) -> None:
    assert len(list(judge(of_ours, OURS, journal))) == wrong
    assert list(judge(of_ours, "ann", Journal(0, (), frozenset()))) == []


@pytest.mark.parametrize(("carries", "is_fine"), [(ONE, True), (TWO, False)])
def test_an_item_carries_the_word_with_the_later_stamp(of_ours: Witness, carries: str, is_fine: bool) -> None:
    of_ours.answers["ann", "r.2"], of_ours.deletions = Answer("existing", 5), {}
    journal = of_list(add(1, 4, ONE, 9), add(2, 5, carries, 8), head=5)
    assert (list(judge(of_ours, OURS, journal)) == []) is is_fine
