"""The journal as plain sets that forget nothing: what any history of operations must give."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from msgspec import json
from msgspec.structs import replace

from actors.messages.collections import list_in
from actors.messages.journal import Operation, Outcome, Quota, Status, Update
from crdt.causal import Tag
from crdt.hlc import HLCTimestamp
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds

LISTS: Final = ("kids", "later")
"""That a user of the model may have."""


class Add(NamedTuple):
    content_id: str
    revision: int
    timestamp: HLCTimestamp
    device_id: str


class Said(NamedTuple):
    """One word on what an item carries; the greatest holds."""

    timestamp: HLCTimestamp
    encoded: bytes
    value: Any


class Model:
    """One line, told by its whole past: every tag ever added, every tag ever removed, every word on an item."""

    def __init__(self, bounds: Bounds = DEFAULT_BOUNDS, *, exists: bool = True) -> None:
        self.bounds = bounds
        self.exists = exists
        self.answers: dict[str, tuple[Operation, Outcome | None]] = {}
        self.begin(0)

    def begin(self, first: int) -> None:
        """Be empty, as a list is that follows one which ended at revision ``first``, with what that was answered."""
        self.first = first
        self.added: dict[str, Add] = {}
        self.removed = {f"syncd:{number}" for number in range(1, first + 1)}
        self.history: list[Update] = []
        self.answers_to_tags: dict[str, Outcome] = {}
        self.said: dict[tuple[str, str], list[Said]] = defaultdict(list)

    @property
    def revision(self) -> int:
        return self.first + len(self.history)

    def end(self) -> int:
        """Be deleted, and return the revision of that."""
        self.exists = False
        revision = self.revision + 1
        self.begin(revision)
        return revision

    def carried(self, content_id: str) -> dict[str, Any]:
        """What the item carries, by ``data`` and ``position``."""
        words = {name: self.said[content_id, name] for name in ("data", "position")}
        return {name: max(said).value if said else None for name, said in words.items()}

    def say(self, operation: Operation) -> None:
        for name in ("data", "position"):
            if (value := getattr(operation.change, name)) is not None:
                said = Said(operation.timestamp, json.encode(value, order="deterministic"), value)
                self.said[operation.content_id, name].append(said)

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
        return not tag or (tag.startswith("syncd") and tag not in self.added.keys() | self.removed)

    def observed(self, operation: Operation) -> set[str]:
        return {
            tag
            for tag, add in self.live(operation.content_id).items()
            if operation.change.observed is None
            or add.revision <= operation.change.observed
            or (add.device_id == operation.device_id and add.timestamp < operation.timestamp)
        }

    def add(self, operation: Operation) -> Outcome | None:
        if not self.exists:
            return Outcome(status=Status.REFUSED, quota="lists_per_user")
        live = self.live(operation.content_id)
        tag = operation.change.tag
        if tag is None:
            tag = f"syncd:{self.first + 1 + sum(tag.startswith('syncd') for tag in self.added)}"
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
        self.say(operation)
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
        for name in ("data", "position"):
            self.said[operation.content_id, name].clear()
        newest_first = sorted(live, key=lambda tag: (live[tag].timestamp.pack(), live[tag].revision), reverse=True)
        return Outcome(status=Status.REMOVED, update=self.record(operation, tuple(newest_first)), is_new=True)

    def record(self, operation: Operation, tags: tuple[str, ...]) -> Update:
        update = Update(
            line=operation.line,
            revision=self.revision + 1,
            change=replace(operation.change, tag=None, observed=None, **self.carried(operation.content_id)),
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


class UserModel:
    """A user's watchlist, and the lists beside it."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.watchlist = Model(bounds)
        self.lists = {list_id: Model(bounds, exists=False) for list_id in LISTS}
        self.names: dict[str, str] = {}
        self.deleted_revision = 0

    def of(self, line: str) -> Model:
        list_id = list_in(line)
        return self.watchlist if list_id is None else self.lists[list_id]

    def create(self, list_id: str, name: str) -> bool:
        """Create the list if there is none, and return whether it is there."""
        model = self.lists[list_id]
        if not model.exists and len(self.names) < self.bounds.lists_per_user:
            model.exists = True
            model.begin(self.deleted_revision)
            self.names[list_id] = name
        return model.exists

    def prepare(self, batch: list[Operation]) -> list[str]:
        """Create the lists to which ``batch`` adds something, unless each add is a repetition; return the new ones."""
        adds = [operation for operation in batch if operation.change.action == "add"]
        new = {one.line for one in adds if one.change.operation_id not in self.of(one.line).answers}
        wanted = [list_id for list_id in sorted(filter(None, map(list_in, new))) if not self.lists[list_id].exists]
        return [list_id for list_id in wanted if self.create(list_id, list_id)]

    def drop(self, created: list[str]) -> None:
        """Undo that lists were created for adds that were all refused."""
        for list_id in created:
            model = self.lists[list_id]
            if model.revision == model.first:
                model.exists = False
                del self.names[list_id]

    def delete(self, list_id: str) -> int | None:
        if self.names.pop(list_id, None) is None:
            return None
        ended = self.lists[list_id].end()
        self.deleted_revision = max(self.deleted_revision, ended)
        return ended


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
