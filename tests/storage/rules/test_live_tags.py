"""What an item carries: data and position, each of which the latest word decides, while the item is in the list."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json, structs

from actors.messages.change import Change
from actors.messages.collections import collection_of_list, line_of
from actors.messages.journal import Operation
from actors.messages.journal_reads import Changes, Item, Page
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import SqlJournalStore
from storage.rules.list_journal import NO_HEAD, ListJournal
from tests.storage.author import NOW_MS

KIDS = line_of("ann", collection_of_list("kids"))
FILM, OTHER = str(UUID(int=1)), str(UUID(int=2))


def operation(action: str, at: int, device: str = "tv", film: str = FILM, **more: Any) -> Operation:
    return Operation(
        line=KIDS,
        device_id=device,
        change=Change("add" if action == "add" else "remove", film, **more),
        timestamp=HLCTimestamp(NOW_MS + at, 0, device),
    )


def items(journal: SqlJournalStore) -> tuple[Item, ...]:
    page = journal.page(KIDS, 100, None)
    assert isinstance(page, Page)
    return page.items


def carried(journal: SqlJournalStore) -> list[tuple[object, object]]:
    return [(item.data and json.decode(item.data), item.position) for item in items(journal)]


def shown(journal: SqlJournalStore, since: int = 0) -> list[dict[str, Any]]:
    changes = journal.changes(KIDS, since, 100, None)
    assert isinstance(changes, Changes)
    return [json.decode(update) for update in changes.updates]


def test_each_field_keeps_its_latest_word(journal: SqlJournalStore) -> None:
    journal.commit([operation("add", 1, data={"note": "a"}, position="m")])
    journal.commit([operation("add", 5, position="c")])
    journal.commit([operation("add", 3, data={"note": "b"}, position="x")])  # later than the data, not the position
    assert carried(journal) == [({"note": "b"}, "c")]
    assert [(one["action"], one.get("data"), one["position"]) for one in shown(journal)] == [
        ("add", {"note": "a"}, "m"), ("add", {"note": "a"}, "c"), ("add", {"note": "b"}, "c"),
    ]  # fmt: skip
    journal.commit([operation("add", 6, data={"note": "d"})])  # which says nothing of the position
    assert carried(journal) == [({"note": "d"}, "c")]
    journal.commit([operation("add", 7)])
    assert carried(journal) == [({"note": "d"}, "c")]
    assert {(one["type"], one["list"]) for one in shown(journal)} == {("list_update", "kids")}


def test_an_item_that_is_added_again_after_its_removal_has_no_data_and_no_position(journal: SqlJournalStore) -> None:
    journal.commit([operation("add", 1, data={"note": "a"}, position="m")])
    journal.commit([operation("remove", 2), operation("add", 3)])
    assert carried(journal) == [(None, None)]
    assert all("data" not in one and "position" not in one for one in shown(journal, 1))


def test_of_a_concurrent_remove_and_change_the_change_stays_with_the_later_data(journal: SqlJournalStore) -> None:
    journal.commit([operation("add", 1, data={"note": "a"})])
    change = operation("add", 2, "phone", observed=1, data={"note": "b"})
    journal.commit([change, operation("remove", 3, "tv", observed=1)])
    assert carried(journal) == [({"note": "b"}, None)]


def test_concurrent_changes_are_merged_into_each_of_their_tags(journal: SqlJournalStore) -> None:
    journal.commit([operation("add", 1, "tv", observed=0, data={"note": "a"})])
    journal.commit([operation("add", 2, "phone", observed=0, position="m")])
    assert carried(journal) == [({"note": "a"}, "m")]
    journal.commit([operation("remove", 3, "phone", observed=0)])  # which takes the phone's own tag
    assert carried(journal) == [({"note": "a"}, "m")]


def test_a_later_page_shows_what_items_carried_at_the_first(journal: SqlJournalStore) -> None:
    for film in (1, 2, 3):
        journal.commit([operation("add", film, film=str(UUID(int=film)), data={"film": film})])
    first = journal.page(KIDS, 1, None)
    assert isinstance(first, Page)
    journal.commit(
        [operation("add", 9, film=str(UUID(int=1)), data={"film": 9}), operation("remove", 10, film=str(UUID(int=2)))]
    )
    rest = journal.page(KIDS, 10, first.after)
    assert isinstance(rest, Page)
    assert [item.data for item in rest.items] == [b'{"film":2}', b'{"film":1}']


def test_a_page_shows_the_data_of_its_items_as_json_however_many_objects_it_holds(journal: SqlJournalStore) -> None:
    data: dict[str, Any] = {"a": [[]] * 330}
    journal.commit([operation("add", 1, data=data)])
    first = items(journal)
    journal.commit([operation("add", 2, film=str(UUID(int=2)), position="b")])
    page = journal.page(KIDS, 1, None)
    assert isinstance(page, Page)
    journal.commit([operation("add", 3, data={"b": 1})])
    past = journal.page(KIDS, 1, page.after)  # is made of operations, not of entries
    assert isinstance(past, Page)
    assert [item.data for item in (*first, *page.items, *past.items)] == [json.encode(data), None, json.encode(data)]


fields = st.fixed_dictionaries(
    {}, optional={"data": st.just({"n": 1}) | st.just({}), "position": st.sampled_from("abc")}
)


@given(st.lists(fields, min_size=2, max_size=3))
def test_devices_that_reorder_offline_converge_whoever_comes_first(changes: list[dict[str, Any]]) -> None:
    adds = [operation("add", at, f"device-{at}", observed=1, **change) for at, change in enumerate(changes, 2)]
    results = []
    for order in permutations(adds):
        journal = ListJournal(KIDS, NO_HEAD, {}, 0)
        outcomes = [journal.apply(one) for one in (operation("add", 1, data={"n": 0}, position="z"), *order)]
        told = outcomes[-1].update
        assert told is not None
        results.append((told.change.data, told.change.position))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("size", [1, 64])
def test_data_and_positions_are_read_as_they_were_written(journal: SqlJournalStore, size: int) -> None:
    data = {"Zoë": ["\u0000", 1.5, None, {"deep": -(2**63)}], "big": 2**64 - 1}
    journal.commit([operation("add", 1, operation_id="x", data=data, position="~" * size)])
    assert carried(journal) == [(data, "~" * size)]
    (again,) = journal.commit([operation("add", 1, operation_id="x", data=data, position="~" * size)])
    assert again.update is not None
    assert structs.asdict(again.update.change)["data"] == data
