"""What operations do to the journal of one list: the rules, in memory, without the database.

``commit.py`` loads a ``ListJournal`` under the lock of its head, applies a batch to it and writes what it changed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct, structs

from actors.messages.change import WatchlistAction
from actors.messages.journal import Operation, Outcome, Quota, Status, Update
from crdt import orset
from crdt.causal import CausalContext, Tag
from crdt.hlc import HLCTimestamp
from storage.rules.bounds import DEFAULT_BOUNDS, BoundReached, Bounds, Usage, lists_bound
from storage.rules.live_tags import NO_FIELDS, Fields, LiveTag, carrying, fields_after, has_fields, missing, oldest
from storage.rules.stamps import stamped_behind

JOURNAL_REPLICA = "syncd"
"""Names the tags that the journal mints. One replica for all nodes: they mint under the head's lock, one at a time."""


TOO_OLD = (
    "timestamp: too_old: nobody knows any more whether this operation_id was used before;"
    " an add with a tag and a remove with observed are taken at any age"
)
"""Why an operation is refused whose first answer may be forgotten."""


class JournalHead(Struct, frozen=True):
    """A row of ``heads``."""

    revision: int
    first_revision: int
    minted: int
    clock: HLCTimestamp
    items: int = 0
    """Contents in the list."""
    replicas: int = 0
    """Foreign replicas of which something was seen."""
    is_counted: bool = True
    """Whether both are known."""


NO_HEAD: Final = JournalHead(0, 1, 0, HLCTimestamp(0, 0, ""))


class ListAnswer(Struct, frozen=True, kw_only=True):
    """What a change was answered: its repetitions get the same."""

    action: WatchlistAction
    content_id: str
    outcome: Outcome

    def to(self, operation: Operation) -> Outcome:
        """Return the answer to ``operation``, which came under the same ``operation_id`` or ``tag``."""
        asked = operation.change
        if (self.action, self.content_id) != (asked.action, operation.content_id):
            used = f"operation_id {asked.operation_id!r} was used before, to {self.action} {self.content_id}"
            return Outcome(status=Status.REFUSED, reason=used)
        return structs.replace(self.outcome, is_new=False, quota=None)


_NOTHING = CausalContext()
_TAGS: Final[Quota] = "tags_per_item"


class ListJournal:
    """One list's journal while a batch is applied to it.

    Before that it must have learnt every live tag of every content that the batch touches, and the answers that the
    batch repeats: those to its operation ids, and to the adds of its tags.

    Args:
        line: whose journal.
        head: as stored before the batch.
        contexts: replica -> what was seen of it, if anything was: of every replica but the journal's that the batch
            names in a tag.
        answers_since_ms: every ``operation_id`` used since then is known, milliseconds since 1970.
        bounds: what the user may make grow.
        unused: replicas that may be forgotten, as of ``Usage``.
        exists: whether there is such a line; if not, all adds are refused: there may be no more lists.
    """

    def __init__(
        self,
        line: str,
        head: JournalHead,
        contexts: Mapping[str, CausalContext],
        answers_since_ms: int,
        bounds: Bounds = DEFAULT_BOUNDS,
        unused: Iterable[str] = (),
        *,
        exists: bool = True,
    ) -> None:
        self.line = line
        self.head = head
        """The head before the batch."""
        self.revision = head.revision
        self.clock = head.clock
        self.recorded: list[Outcome] = []
        """What the batch has added to the history, in order."""
        self.lone: set[int] = set()
        """Revisions of the batch that added what was there, and left no other tag of it live."""
        self.unrecorded: dict[str, ListAnswer] = {}
        """What the batch was answered and has not added to the history, by ``operation_id``."""
        self._answers_since_ms = answers_since_ms
        self._usage = Usage(bounds, head.items, head.replicas, contexts, unused)
        self._bounds = bounds
        self._exists = exists
        self._loaded_contexts = contexts
        self._context = CausalContext.from_runs(JOURNAL_REPLICA, (1, head.minted + 1) if head.minted else ())
        for context in contexts.values():
            self._context = self._context.merge(context)
        self._loaded_live: dict[str, dict[Tag, LiveTag]] = {}
        self._live: dict[str, dict[Tag, LiveTag]] = {}
        self._named_tags: set[Tag] = set()
        self._by_operation_id: dict[str, ListAnswer] = {}
        self._adds: dict[str, ListAnswer] = {}

    def learn_live(self, live: LiveTag) -> None:
        """Load a live tag as it was before the batch."""
        self._loaded_live.setdefault(live.content_id, {})[live.tag] = live
        self._live.setdefault(live.content_id, {})[live.tag] = live

    def learn_answer(self, operation_id: str, answer: ListAnswer) -> None:
        """Load the answer to an ``operation_id`` that the batch names; of two the later learnt holds."""
        self._by_operation_id[operation_id] = answer

    def learn_add(self, tag: str, answer: ListAnswer) -> None:
        """Load the answer to the recorded add of ``tag``, which the batch adds again."""
        self._adds[tag] = answer

    def has_seen(self, tag: Tag) -> bool:
        """Return whether ``tag`` was ever added or removed here."""
        return tag in self._context

    def added_revision(self, content_id: str, tag: Tag) -> int | None:
        """Return the revision that added ``tag`` to a content that has been learnt, if it was live before the batch."""
        born = self._loaded_live.get(content_id, {}).get(tag)
        return None if born is None else born.added_revision

    def apply(self, operation: Operation) -> Outcome:
        """Do what ``operation`` asks, or say why not; a repeated one changes nothing and gets the first answer."""
        operation_id, content_id = operation.change.operation_id, operation.content_id
        if operation_id is None:
            return self._decide(operation, content_id)
        if first := self._by_operation_id.get(operation_id):
            return first.to(operation)
        outcome = self._decide(operation, content_id)
        if outcome.exceeds_quota:
            return outcome
        answer = ListAnswer(action=operation.change.action, content_id=content_id, outcome=outcome)
        self._by_operation_id[operation_id] = answer
        if not outcome.is_new:  # else it is recorded
            self.unrecorded[operation_id] = answer
        return outcome

    @property
    def minted(self) -> int:
        """The counter of the last tag that the journal minted."""
        return self._context.next_tag(JOURNAL_REPLICA).counter - 1

    @property
    def new_head(self) -> JournalHead:
        """The head after the batch."""
        before, usage = self.head, self._usage
        return JournalHead(self.revision, before.first_revision, self.minted, self.clock, usage.items, usage.replicas)

    @property
    def forgotten(self) -> list[str]:
        """The replicas of which nothing is remembered any more."""
        return self._usage.forgotten

    def live_changes(self) -> tuple[list[LiveTag], list[LiveTag]]:
        """Return the tags that the batch made live, and those that it removed."""
        before, now = self._loaded_live, self._live
        return missing(now, before), missing(before, now)

    def context_changes(self) -> dict[str, CausalContext]:
        """Return the contexts that changed, by replica; what the journal minted is in its head."""
        changed: dict[str, CausalContext] = {}
        for tag in self._named_tags:
            if tag.replica != JOURNAL_REPLICA and tag in self._context:
                known = changed.get(tag.replica) or self._loaded_contexts.get(tag.replica, _NOTHING)
                if tag not in known:
                    changed[tag.replica] = known.with_tags(tag)
        return changed

    def _decide(self, operation: Operation, content_id: str) -> Outcome:
        operation = stamped_behind(self.clock, operation)
        try:
            self._check_age(operation)
            decide = self._add if operation.change.action == "add" else self._remove
            return decide(operation, content_id)
        except _Refused as refusal:
            return Outcome(status=Status.REFUSED, reason=str(refusal), field=refusal.field)
        except BoundReached as reached:
            return Outcome(status=Status.REFUSED, reason=str(reached), field=reached.field, quota=reached.quota)

    def _check_age(self, operation: Operation) -> None:
        """Refuse what may be a repetition whose answer is forgotten, unless a repetition has no effect anyway."""
        if operation.change.operation_id is None or operation.timestamp.physical >= self._answers_since_ms:
            return
        if not _is_idempotent(operation):
            raise _Refused(TOO_OLD, field="timestamp")

    def _add(self, operation: Operation, content_id: str) -> Outcome:
        if not self._exists:
            raise lists_bound(self._bounds)
        if operation.change.tag is None:
            tag = self._context.next_tag(JOURNAL_REPLICA)
        else:
            tag = self._author_tag(operation.change.tag)
            if tag in self._context:
                return self._repeated_add(tag, operation)
        live = self._live.get(content_id, {})
        if not live:
            self._usage.check_room()
        observed = self._observed(operation, live)
        excess = oldest(live, observed, self._bounds.tags_per_item - 1)
        entry, context = orset.add(frozenset(live), self._context, tag, observed | excess)
        self._see(context, (tag,))
        self._usage.items += not live
        text = str(tag)
        status, quota = Status.EXISTING if live else Status.ADDED, _TAGS if excess else None
        fields = fields_after(live, operation) if live or has_fields(operation.change) else NO_FIELDS
        outcome = self._record(operation, (text,), status, quota, fields)
        self._adds[text] = ListAnswer(action="add", content_id=content_id, outcome=outcome)
        born = LiveTag(content_id, tag, self.revision, operation.timestamp, operation.device_id, fields)
        now_live = {kept: live.get(kept, born) for kept in entry}
        if live and len(now_live) == 1:
            self.lone.add(self.revision)
        self._live[content_id] = now_live if fields is NO_FIELDS else carrying(fields, now_live)
        return outcome

    def _repeated_add(self, tag: Tag, operation: Operation) -> Outcome:
        """Answer an add whose tag was seen before: it was added already, or removed before it arrived.

        What is known only because another operation of the batch has asked for it does not count: the answer would
        depend on who else writes at that moment.
        """
        first = self._adds.get(str(tag))
        if first is not None:
            if first.content_id != operation.content_id:
                raise _Refused(f"tag {operation.change.tag!r} is the add of another content")
            return first.to(operation)
        return Outcome(status=Status.EXISTING if self._live.get(operation.content_id) else Status.REMOVED)

    def _remove(self, operation: Operation, content_id: str) -> Outcome:
        live = self._live.get(content_id, {})
        if operation.removed_tags:
            named = observed = frozenset(map(self._author_tag, operation.removed_tags))
        else:
            named, observed = orset.ABSENT, self._observed(operation, live)
        observed |= oldest(live, observed, self._bounds.tags_per_item)  # of an entry from before there was a bound
        entry, context = orset.remove(frozenset(live), self._context, observed)
        self._see(context, named)
        if not live:
            return Outcome(status=Status.NOT_FOUND)
        self._live[content_id] = {tag: live[tag] for tag in entry}
        if entry:
            return Outcome(status=Status.EXISTING)
        self._usage.items -= 1
        newest_first = sorted(live.values(), key=lambda born: born.age_key, reverse=True)
        return self._record(operation, tuple(str(born.tag) for born in newest_first), Status.REMOVED)

    def _see(self, context: CausalContext, named: Iterable[Tag]) -> None:
        """Go on with ``context``, which holds the tags that an author has ``named``. Raises: BoundReached."""
        if foreign := {tag.replica for tag in named} - {JOURNAL_REPLICA}:
            self._usage.name(foreign, self._context, context)
        self._context = context

    def _observed(self, operation: Operation, live: Mapping[Tag, LiveTag]) -> orset.Entry:
        """Return the live tags that the author knew of: those it had read, and those it wrote itself before."""
        observed = operation.change.observed
        if observed is None:
            return frozenset(live)
        return frozenset(
            tag
            for tag, born in live.items()
            if born.added_revision <= observed
            or (born.device_id == operation.device_id and born.timestamp < operation.timestamp)
        )

    def _author_tag(self, text: str) -> Tag:
        """Return the tag that an author names; the journal's own replica only as far as it has minted."""
        try:
            tag = Tag.parse(text)
        except ValueError as error:
            raise _Refused(str(error)) from error
        if tag.replica == JOURNAL_REPLICA and tag not in self._context:
            raise _Refused(f"tag {text!r} is not known here, and only the journal names tags {JOURNAL_REPLICA!r}")
        self._named_tags.add(tag)
        return tag

    def _record(
        self,
        operation: Operation,
        tags: tuple[str, ...],
        status: Status,
        quota: Quota | None = None,
        fields: Fields = NO_FIELDS,
    ) -> Outcome:
        change = structs.replace(operation.change, tag=None, observed=None, timestamp=None)  # they led to it
        if fields is not NO_FIELDS or has_fields(change):
            change = structs.replace(change, data=fields.get("data"), position=fields.get("position"))
        self.revision += 1
        self.clock = max(self.clock, operation.timestamp)
        update = Update(
            line=self.line,
            revision=self.revision,
            change=change,
            tags=tags,
            timestamp=operation.timestamp,
            device_id=operation.device_id,
        )
        outcome = Outcome(status=status, update=update, is_new=True, quota=quota)
        self.recorded.append(outcome)
        return outcome


class _Refused(Exception):
    """The operation can never be applied; the text is for its author, ``field`` the part to blame."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.field = field


def _is_idempotent(operation: Operation) -> bool:
    """Return whether a repetition has no effect, known as one or not."""
    change = operation.change
    if change.action == "add":
        return change.tag is not None
    return change.observed is not None or bool(operation.removed_tags)
