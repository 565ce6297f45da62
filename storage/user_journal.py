"""What operations do to one user's journal: the rules, in memory, without the database.

``commit.py`` loads a ``UserJournal`` under the user's lock, applies a batch to it and writes what it changed.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, structs

from actors.messages.journal import Operation, Outcome, Status, Update
from crdt import orset
from crdt.causal import CausalContext, Tag
from crdt.hlc import HLCTimestamp

JOURNAL_REPLICA = "syncd"
"""Names the tags that the journal mints. One replica for all nodes: they mint under the user's lock, one at a time."""


class LiveTag(Struct, frozen=True):
    """One add that is in the list: a row of ``entries``."""

    content_id: str
    tag: Tag
    added_revision: int
    timestamp: HLCTimestamp
    device_id: str

    @property
    def age_key(self) -> tuple[HLCTimestamp, int]:
        """Sorts older tags before newer ones."""
        return self.timestamp, self.added_revision


class JournalHead(Struct, frozen=True):
    """A row of ``heads``."""

    revision: int
    first_revision: int
    minted: int
    clock: HLCTimestamp


class UserJournal:
    """One user's journal while a batch is applied to it.

    Before that it must have learnt every live tag of every content that the batch touches, and the recorded updates
    that the batch repeats: those with its operation ids, and the adds of its tags.

    Args:
        user_id: whose journal.
        head: as stored before the batch.
        contexts: replica -> what was seen of it, for every replica but the journal's that the batch names in a tag.
    """

    def __init__(self, user_id: str, head: JournalHead, contexts: Mapping[str, CausalContext]) -> None:
        self.user_id = user_id
        self.head = head
        """The head before the batch."""
        self.revision = head.revision
        self.clock = head.clock
        self.updates: list[Update] = []
        """What the batch has added to the history, in order."""
        self._loaded_contexts = contexts
        self._context = CausalContext({JOURNAL_REPLICA: head.minted} if head.minted else {})
        for context in contexts.values():
            self._context = self._context.merge(context)
        self._loaded_live: dict[Tag, LiveTag] = {}
        self._live: dict[str, dict[Tag, LiveTag]] = {}
        self._by_operation_id: dict[str | None, Update] = {}
        self._adds: dict[str, Update] = {}

    def learn_live(self, live: LiveTag) -> None:
        """Load a live tag as it was before the batch."""
        self._loaded_live[live.tag] = live
        self._live.setdefault(live.content_id, {})[live.tag] = live

    def learn_update(self, update: Update) -> None:
        """Load a recorded update that the batch may repeat."""
        if update.change.operation_id is not None:
            self._by_operation_id[update.change.operation_id] = update
        if update.change.action == "add":
            self._adds[update.tags[0]] = update

    def has_seen(self, tag: Tag) -> bool:
        """Return whether ``tag`` was ever added or removed here."""
        return tag in self._context

    def added_revision(self, tag: Tag) -> int | None:
        """Return the revision that added ``tag``, if it was live before the batch and has been learnt."""
        live = self._loaded_live.get(tag)
        return live.added_revision if live else None

    def apply(self, operation: Operation) -> Outcome:
        """Do what ``operation`` asks, or say why not; a repeated one changes nothing and gets the first answer."""
        try:
            if first := self._by_operation_id.get(operation.change.operation_id):
                return _first_answer(first, operation)
            return self._add(operation) if operation.change.action == "add" else self._remove(operation)
        except _Refused as refusal:
            return Outcome(status=Status.REFUSED, reason=str(refusal))

    @property
    def minted(self) -> int:
        """The counter of the last tag that the journal minted."""
        return self._context.next_tag(JOURNAL_REPLICA).counter - 1

    def live_changes(self) -> tuple[list[LiveTag], list[LiveTag]]:
        """Return the tags that the batch made live, and those that it removed."""
        live = {tag: born for tags in self._live.values() for tag, born in tags.items()}
        return (
            [born for tag, born in live.items() if tag not in self._loaded_live],
            [born for tag, born in self._loaded_live.items() if tag not in live],
        )

    def context_changes(self, named: Iterable[Tag]) -> dict[str, CausalContext]:
        """Return the contexts that changed, by replica; ``named``: the tags that the batch names."""
        contexts = dict(self._loaded_contexts)
        for tag in named:
            if tag.replica in contexts and tag in self._context:
                contexts[tag.replica] = contexts[tag.replica].with_tags(tag)
        return {
            replica: context for replica, context in contexts.items() if context is not self._loaded_contexts[replica]
        }

    def _add(self, operation: Operation) -> Outcome:
        if operation.change.tag is None:
            tag = self._context.next_tag(JOURNAL_REPLICA)
        else:
            tag = self._author_tag(operation.change.tag)
            if tag in self._context:
                return self._repeated_add(tag, operation)
        content_id = operation.content_id
        live = self._live.get(content_id, {})
        observed = self._observed(operation, live)
        entry, self._context = orset.add(frozenset(live), self._context, tag, observed)
        update = self._record(operation, (str(tag),))
        born = LiveTag(content_id, tag, update.revision, operation.timestamp, operation.device_id)
        self._live[content_id] = {kept: live.get(kept, born) for kept in entry}
        return Outcome(status=Status.EXISTING if live else Status.ADDED, update=update, is_new=True)

    def _repeated_add(self, tag: Tag, operation: Operation) -> Outcome:
        """Answer an add whose tag was seen before: it was added already, or removed before it arrived."""
        first = self._adds.get(str(tag))
        owners = {content_id for content_id, live in self._live.items() if tag in live}
        if first is not None:
            owners.add(first.content_id)
        if owners - {operation.content_id}:
            raise _Refused(f"tag {operation.change.tag!r} is the add of another content")
        if first is not None:
            return _first_answer(first, operation)
        return Outcome(status=Status.EXISTING if self._live.get(operation.content_id) else Status.REMOVED)

    def _remove(self, operation: Operation) -> Outcome:
        content_id = operation.content_id
        live = self._live.get(content_id, {})
        if operation.removed_tags:
            observed = frozenset(map(self._author_tag, operation.removed_tags))
        else:
            observed = self._observed(operation, live)
        entry, self._context = orset.remove(frozenset(live), self._context, observed)
        if not live:
            return Outcome(status=Status.NOT_FOUND)
        self._live[content_id] = {tag: live[tag] for tag in entry}
        if entry:
            return Outcome(status=Status.EXISTING)
        newest_first = sorted(live.values(), key=lambda born: born.age_key, reverse=True)
        update = self._record(operation, tuple(str(born.tag) for born in newest_first))
        return Outcome(status=Status.REMOVED, update=update, is_new=True)

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
        return tag

    def _record(self, operation: Operation, tags: tuple[str, ...]) -> Update:
        self.revision += 1
        self.clock = max(self.clock, operation.timestamp)
        update = Update(
            user_id=self.user_id,
            revision=self.revision,
            change=structs.replace(operation.change, tag=None, observed=None, timestamp=None),  # they led to it
            tags=tags,
            timestamp=operation.timestamp,
            device_id=operation.device_id,
        )
        self.updates.append(update)
        self.learn_update(update)
        return update


class _Refused(Exception):
    """The operation can never be applied; the text is for its author."""


def _first_answer(first: Update, operation: Operation) -> Outcome:
    did, asked = first.change, operation.change
    if (did.action, did.content_id) != (asked.action, asked.content_id):
        raise _Refused(f"operation_id {asked.operation_id!r} was used before, to {did.action} {did.content_id}")
    return Outcome(status=Status.ADDED if did.action == "add" else Status.REMOVED, update=first)
