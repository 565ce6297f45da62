"""The store's contract, on both databases: clocks, sizes, odd values, reopening."""

from typing import Protocol

import pytest

from actors.messages.journal import Changes, Operation, Status
from actors.ports import JournalStore
from crdt.hlc import HLCTimestamp
from storage.journal_store import SqlJournalStore
from tests.whole_list import whole_list


class Writes(Protocol):
    def content(self, name: str) -> str: ...
    def add(self, name: str, **options: object) -> Operation: ...
    def remove(self, name: str, **options: object) -> Operation: ...


def test_the_head_keeps_the_greatest_timestamp(journal: SqlJournalStore, author: Writes) -> None:
    late, early = HLCTimestamp(2_000, 7, "b"), HLCTimestamp(1_000, 0, "a")
    journal.commit([author.add("alien", timestamp=late), author.add("brazil", timestamp=early)])
    ann, nobody = journal.heads(["ann", "nobody"])
    assert (ann.revision, ann.clock) == (2, late)
    assert (nobody.revision, nobody.clock) == (0, HLCTimestamp(0, 0, ""))
    assert journal.heads([]) == []


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 130])
def test_batches_of_any_size_are_committed_whole(journal: SqlJournalStore, author: Writes, size: int) -> None:
    adds = [author.add(f"film {n}", operation_id=f"op {n}") for n in range(size)]
    assert {o.status for o in journal.commit(adds)} == {Status.ADDED}
    removes = journal.commit([author.remove(f"film {n}") for n in range(size)])
    assert {o.status for o in removes} == {Status.REMOVED}
    changes = journal.since("ann", 0, None)
    assert isinstance(changes, Changes)
    assert [update.revision for update in changes.updates] == list(range(1, 2 * size + 1))


def test_a_batch_of_nothing_is_nothing(journal: SqlJournalStore) -> None:
    assert journal.commit([]) == []


def test_names_of_any_script_and_quoting_are_kept(journal: SqlJournalStore, author: Writes) -> None:
    odd = "Zoë'; DROP TABLE heads; -- \\ % :name {x} 🎬"
    add = author.add("alien", user=odd, device=odd, operation_id=odd, tag=f"{odd}:3")
    (outcome,) = journal.commit([add])
    changes = journal.since(odd, 0, None)
    assert isinstance(changes, Changes)
    assert changes.updates == (outcome.update,)
    (item,) = whole_list(journal, odd).items
    assert (item.tag, item.device_id) == (f"{odd}:3", odd)


def test_a_closed_store_opens_again_when_used(journal: SqlJournalStore, author: Writes) -> None:
    journal.commit([author.add("alien")])
    journal.close()
    journal.close()
    journal.check()
    assert [item.content_id for item in whole_list(journal).items] == [author.content("alien")]


def test_the_store_is_what_the_journals_actor_asks_for(journal: SqlJournalStore) -> None:
    port: JournalStore = journal  # mypy's part of this test
    port.check()
