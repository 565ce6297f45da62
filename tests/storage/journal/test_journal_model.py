"""Random histories on the real tables beside a model of plain sets that forgets nothing, compared after every step."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from actors.messages.change import Change
from actors.messages.collections import collection_of_list, line_of, parts_of
from actors.messages.journal import Operation, Outcome, Status
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from tests.storage.conftest import OpenJournal
from tests.storage.journal_model import LISTS, UserModel
from tests.storage.reading import shown, updates
from tests.whole_list import whole_list

NOW_MS = 1_700_000_000_000
CONTENTS = tuple(f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
TAGS = ("phone:1", "phone:2", "phone:3", "phone:5", "movie-1", "movie-2", "syncd:1", "syncd:2", "syncd:50", "")


class PutList(NamedTuple):
    list_id: str
    name: str


class DeleteList(NamedTuple):
    list_id: str


changes_wanted = st.builds(
    Change,
    action=st.sampled_from(["add", "remove"]),
    content_id=st.sampled_from(CONTENTS),
    operation_id=st.none() | st.sampled_from(["x", "y", "z"]),
    tag=st.none() | st.sampled_from(TAGS),
    observed=st.none() | st.integers(0, 8),
    data=st.none() | st.sampled_from([{}, {"n": 1}, {"n": 2}]),
    position=st.none() | st.sampled_from("abc"),
)
stamps = st.builds(HLCTimestamp, st.integers(NOW_MS, NOW_MS + 8), st.integers(0, 1), st.sampled_from(["a", "b"]))
operations = st.builds(
    Operation,
    line=st.sampled_from(["ann", "bob"]),
    device_id=st.sampled_from(["tv", "phone"]),
    change=changes_wanted,
    timestamp=stamps,
    removed_tags=st.just(()) | st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
)
of_lists = st.builds(
    Operation,
    line=st.sampled_from(["ann", *(line_of("ann", collection_of_list(list_id)) for list_id in LISTS)]),
    device_id=st.just("tv"),
    change=st.builds(
        Change,
        action=st.sampled_from(["add", "add", "remove"]),
        content_id=st.just(CONTENTS[0]),
        operation_id=st.sampled_from([None, "x"]),
        observed=st.none() | st.integers(0, 3),
        data=st.sampled_from([None, {}, {"n": 1}]),
        position=st.sampled_from([None, "a", "b"]),
    ),
    timestamp=stamps,
)
lists = st.sampled_from(LISTS)
list_steps = (
    st.lists(of_lists, min_size=1, max_size=4)
    | st.builds(PutList, lists, st.sampled_from(["One", "Other"]))
    | st.builds(DeleteList, lists)
)
Step = list[Operation] | PutList | DeleteList
histories = st.lists(st.lists(operations, min_size=1, max_size=6), min_size=1, max_size=6)
examples = count()
ONE_LIST = Bounds(tags_per_item=2, lists_per_user=1)


def answered(outcome: Outcome) -> Outcome:
    """An outcome without the id that its update came under: a tag may be repeated under another.

    Of a repetition nobody is shown the update: what the item carried is not kept for it.
    """
    update = outcome.update
    change = update and replace(update.change, operation_id=None)
    if change and not outcome.is_new:
        change = replace(change, data=None, position=None)
    return replace(outcome, update=update and change and replace(update, change=change))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
def test_any_history_gives_what_the_model_gives(journal: SqlJournalStore, history: list[list[Operation]]) -> None:
    assert_as_the_model(journal, history, DEFAULT_BOUNDS)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
def test_any_history_at_its_bounds_gives_what_the_model_gives(
    open_journal: OpenJournal, database_url: str, history: list[list[Operation]]
) -> None:
    bounds = Bounds(items_per_list=2, tags_per_item=2, gaps_per_replica=1, replicas_per_user=2)
    journal = open_journal(database_url, bounds=bounds)
    assert_as_the_model(journal, history, bounds)
    journal.close()


@pytest.fixture
def journal_of_one_list(open_journal: OpenJournal, database_url: str) -> SqlJournalStore:
    """Each user may have one at a time."""
    return open_journal(database_url, bounds=ONE_LIST)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(list_steps, min_size=6, max_size=12))
def test_any_history_of_lists_that_come_and_go_gives_what_the_model_gives(
    journal_of_one_list: SqlJournalStore, history: list[Step]
) -> None:
    assert_as_the_model(journal_of_one_list, history, ONE_LIST)


def assert_as_the_model(journal: SqlJournalStore, history: Sequence[Step], bounds: Bounds) -> None:
    example = next(examples)  # all examples share the database: each has users of its own
    users = {f"{name} {example}": UserModel(bounds) for name in ("ann", "bob")}
    ann = f"ann {example}"
    for step in history:
        match step:
            case PutList(list_id, name):
                is_new = not users[ann].lists[list_id].exists
                put = journal.put_list(ann, list_id, name)
                if users[ann].create(list_id, name):
                    users[ann].names[list_id] = name
                    assert (put.is_new, put.revision) == (is_new, users[ann].lists[list_id].revision)
                assert (put.problem is None) is users[ann].lists[list_id].exists
            case DeleteList(list_id):
                assert journal.delete_list(ann, list_id).revision == users[ann].delete(list_id)
            case _:
                commit_as_the_model(journal, [in_example(one, example) for one in step], users)
        for user_id, user in users.items():
            assert_same(journal, user_id, user)


def in_example(operation: Operation, example: int) -> Operation:
    user_id, collection = parts_of(operation.line)
    return replace(operation, line=line_of(f"{user_id} {example}", collection))


def commit_as_the_model(journal: SqlJournalStore, batch: list[Operation], users: dict[str, UserModel]) -> None:
    created = {
        user_id: user.prepare([operation for operation in batch if parts_of(operation.line)[0] == user_id])
        for user_id, user in users.items()
    }
    beginning = {line_of(user_id, collection_of_list(new)) for user_id, lists in created.items() for new in lists}
    for operation, told in zip(batch, journal.commit(batch), strict=True):
        assert told.begins_list is (told.is_new and operation.line in beginning)
        if told.begins_list:
            beginning.remove(operation.line)
        outcome = replace(told, begins_list=False)
        expected = users[parts_of(operation.line)[0]].of(operation.line).apply(operation)
        if expected is None:
            assert (outcome.status, outcome.quota) == (Status.REFUSED, None)
            assert outcome.reason
        elif expected.exceeds_quota:
            assert replace(outcome, reason=None, field=None) == expected
        else:
            assert answered(outcome) == answered(expected)
    for user_id, new in created.items():
        users[user_id].drop(new)


def assert_same(journal: SqlJournalStore, user_id: str, user: UserModel) -> None:
    told = journal.lists(user_id)
    assert told.watchlist == user.watchlist.revision
    assert [(one.list, one.name, one.revision) for one in told.lists] == [
        (list_id, name, user.lists[list_id].revision) for list_id, name in sorted(user.names.items())
    ]
    lines = {user_id: user.watchlist} | {
        line_of(user_id, collection_of_list(list_id)): model for list_id, model in user.lists.items()
    }
    for line, model in lines.items():
        snapshot = whole_list(journal, line)
        if not model.exists:
            assert (snapshot.revision, snapshot.items) == (user.deleted_revision, ())
            continue
        read = updates(journal, model.first, line)
        assert read == shown(model.history)
        assert len(read) == snapshot.revision - model.first == len(model.history)
        carried = {
            item.content_id: {"data": item.data and json.decode(item.data), "position": item.position}
            for item in snapshot.items
        }
        assert carried == {content_id: model.carried(content_id) for content_id in model.listed()}
