"""Random histories on the real tables beside a model of plain sets that forgets nothing, compared after every batch."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages.change import Change
from actors.messages.journal import Operation, Outcome, Quota, Status, Update
from crdt.causal import Tag
from crdt.hlc import HLCTimestamp
from storage.bounds import DEFAULT_BOUNDS, Bounds
from storage.journal_store import SqlJournalStore
from tests.storage.conftest import OpenJournal
from tests.storage.reading import shown, updates
from tests.whole_list import whole_list

NOW_MS = 1_700_000_000_000
CONTENTS = tuple(f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
TAGS = ("phone:1", "phone:2", "phone:3", "phone:5", "movie-1", "movie-2", "syncd:1", "syncd:2", "syncd:50", "")


class Add(NamedTuple):
    content_id: str
    revision: int
    timestamp: HLCTimestamp
    device_id: str


class Model:
    """One user's list, told by its whole past: every tag ever added, every tag ever removed."""

    def __init__(self, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.bounds = bounds
        self.added: dict[str, Add] = {}
        self.removed: set[str] = set()
        self.history: list[Update] = []
        self.answers: dict[str, tuple[Operation, Outcome | None]] = {}
        self.answers_to_tags: dict[str, Outcome] = {}

    def live(self, content_id: str) -> dict[str, Add]:
        return {t: a for t, a in self.added.items() if a.content_id == content_id and t not in self.removed}

    def apply(self, operation: Operation) -> Outcome | None:
        """Return what the journal must answer; ``None``: any refusal."""
        operation_id = operation.change.operation_id
        if operation_id in self.answers:
            first, answer = self.answers[operation_id]
            if (first.change.action, first.content_id) != (operation.change.action, operation.content_id):
                return None
            return answer and replace(answer, is_new=False, quota=None)
        answer = self.add(operation) if operation.change.action == "add" else self.remove(operation)
        if operation_id is not None and (answer is None or answer.quota is None or answer.is_new):
            self.answers[operation_id] = operation, answer
        return answer

    def is_forbidden(self, tag: str) -> bool:
        return not tag or (tag.startswith("syncd") and tag not in self.added)

    def observed(self, operation: Operation) -> set[str]:
        return {
            tag
            for tag, add in self.live(operation.content_id).items()
            if operation.change.observed is None
            or add.revision <= operation.change.observed
            or (add.device_id == operation.device_id and add.timestamp < operation.timestamp)
        }

    def add(self, operation: Operation) -> Outcome | None:
        live = self.live(operation.content_id)
        tag = operation.change.tag
        if tag is None:
            tag = f"syncd:{1 + sum(tag.startswith('syncd') for tag in self.added)}"
        elif self.is_forbidden(tag):
            return None
        elif tag in self.added:
            if self.added[tag].content_id != operation.content_id:
                return None
            return replace(self.answers_to_tags[tag], is_new=False, quota=None)
        elif tag in self.removed:
            return Outcome(status=Status.EXISTING if live else Status.REMOVED)
        if not live and len(self.listed()) >= self.bounds.items_per_list:
            return Outcome(status=Status.REFUSED, quota="items_per_list")
        if quota := self.quota_of((tag,)):
            return Outcome(status=Status.REFUSED, quota=quota)
        self.removed |= self.observed(operation)
        excess = self.oldest(operation.content_id, self.bounds.tags_per_item - 1)
        self.removed |= excess
        update = self.record(operation, (tag,))
        self.added[tag] = Add(operation.content_id, update.revision, operation.timestamp, operation.device_id)
        status = Status.EXISTING if live else Status.ADDED
        met: Quota | None = "tags_per_item" if excess else None
        answer = Outcome(status=status, update=update, is_new=True, quota=met)
        self.answers_to_tags[tag] = answer
        return answer

    def remove(self, operation: Operation) -> Outcome | None:
        live = self.live(operation.content_id)
        if any(map(self.is_forbidden, operation.removed_tags)):
            return None
        if quota := self.quota_of(operation.removed_tags):
            return Outcome(status=Status.REFUSED, quota=quota)
        if operation.removed_tags:
            self.removed |= {tag for tag in operation.removed_tags if tag in live or tag not in self.added}
        else:
            self.removed |= self.observed(operation)
        assert not self.oldest(operation.content_id, self.bounds.tags_per_item)
        if not live:
            return Outcome(status=Status.NOT_FOUND)
        if self.live(operation.content_id):
            return Outcome(status=Status.EXISTING)
        newest_first = sorted(live, key=lambda tag: (live[tag].timestamp, live[tag].revision), reverse=True)
        return Outcome(status=Status.REMOVED, update=self.record(operation, tuple(newest_first)), is_new=True)

    def record(self, operation: Operation, tags: tuple[str, ...]) -> Update:
        update = Update(
            line=operation.line,
            revision=len(self.history) + 1,
            change=replace(operation.change, tag=None, observed=None, timestamp=None),
            tags=tags,
            timestamp=operation.timestamp,
            device_id=operation.device_id,
        )
        self.history.append(update)
        return update

    def oldest(self, content_id: str, kept: int) -> set[str]:
        """Return the live tags of the content that were added first, all but ``kept``."""
        live = self.live(content_id)
        return set(sorted(live, key=lambda tag: live[tag].revision, reverse=True)[kept:])

    def quota_of(self, named: Iterable[str]) -> Quota | None:
        """Return the bound that remembering ``named`` would break."""
        before = seen_counters(self.added.keys() | self.removed)
        after = seen_counters(self.added.keys() | self.removed | set(named))
        for replica, counters in after.items():
            if gaps(counters) > max(self.bounds.gaps_per_replica, gaps(before.get(replica, set()))):
                return "gaps_per_replica"
        is_new = after.keys() != before.keys()
        return "replicas_per_user" if is_new and len(after) > self.bounds.replicas_per_user else None

    def listed(self) -> set[str]:
        return {add.content_id for tag, add in self.added.items() if tag not in self.removed}


def seen_counters(tags: Iterable[str]) -> dict[str, set[int]]:
    """Return the counters of every foreign replica; of an opaque tag: 0."""
    seen: dict[str, set[int]] = defaultdict(set)
    for tag in map(Tag.parse, tags):
        if tag.replica != "syncd":
            seen[tag.replica].add(tag.counter)
    return seen


def gaps(counters: set[int]) -> int:
    """Return how many of the counters from 1 follow one that is not there."""
    return sum(counter > 1 and counter - 1 not in counters for counter in counters)


changes_wanted = st.builds(
    Change,
    action=st.sampled_from(["add", "remove"]),
    content_id=st.sampled_from(CONTENTS),
    operation_id=st.none() | st.sampled_from(["x", "y", "z"]),
    tag=st.none() | st.sampled_from(TAGS),
    observed=st.none() | st.integers(0, 8),
)
operations = st.builds(
    Operation,
    line=st.sampled_from(["ann", "bob"]),
    device_id=st.sampled_from(["tv", "phone"]),
    change=changes_wanted,
    timestamp=st.builds(HLCTimestamp, st.integers(NOW_MS, NOW_MS + 8), st.integers(0, 1), st.sampled_from(["a", "b"])),
    removed_tags=st.just(()) | st.lists(st.sampled_from(TAGS), max_size=2).map(tuple),
)
histories = st.lists(st.lists(operations, min_size=1, max_size=6), min_size=1, max_size=6)
examples = count()


def answered(outcome: Outcome) -> Outcome:
    """An outcome without the id that its update came under: a tag may be repeated under another."""
    update = outcome.update
    return replace(outcome, update=update and replace(update, change=replace(update.change, operation_id=None)))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
def test_any_history_gives_what_the_model_gives(journal: SqlJournalStore, history: list[list[Operation]]) -> None:
    assert_as_the_model(journal, history, DEFAULT_BOUNDS)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
def test_so_does_any_history_at_its_bounds(
    open_journal: OpenJournal, database_url: str, history: list[list[Operation]]
) -> None:
    bounds = Bounds(items_per_list=2, tags_per_item=2, gaps_per_replica=1, replicas_per_user=2)
    journal = open_journal(database_url, bounds=bounds)
    assert_as_the_model(journal, history, bounds)
    journal.close()


def assert_as_the_model(journal: SqlJournalStore, history: list[list[Operation]], bounds: Bounds) -> None:
    example = next(examples)  # all examples share the database: each has users of its own
    models = {f"{name} {example}": Model(bounds) for name in ("ann", "bob")}
    for wanted in history:
        batch = [replace(operation, line=f"{operation.line} {example}") for operation in wanted]
        outcomes = journal.commit(batch)
        for operation, outcome in zip(batch, outcomes, strict=True):
            expected = models[operation.line].apply(operation)
            if expected is None:
                assert (outcome.status, outcome.quota) == (Status.REFUSED, None)
                assert outcome.reason
            elif expected.exceeds_quota:
                assert replace(outcome, reason=None, field=None) == expected
            else:
                assert answered(outcome) == answered(expected)
        for user_id, model in models.items():
            read, snapshot = updates(journal, user=user_id), whole_list(journal, user_id)
            assert read == shown(model.history)
            assert {item.content_id for item in snapshot.items} == model.listed()
            assert len(read) == snapshot.revision == len(model.history)
