"""The journal's write transaction: lock, load, apply, write; a few statements, however many operations.

The users' head rows are locked first, in one order, and for the whole transaction. So one transaction at a
time writes a user's journal, on whatever node: revisions have no gaps, and they ascend in the order of commits.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, text, update

from actors.messages.journal import Operation, Outcome
from crdt.causal import CausalContext, Tag
from storage import history
from storage.answers import AnswerKeeping, read_answers
from storage.rows import (
    KINDS,
    Params,
    context_of,
    context_text,
    head_of,
    live_of,
    live_params,
    recorded_answer_of,
    tags_text,
    update_of,
    update_params,
)
from storage.rows_in import rows_in
from storage.tables import contexts, entries, heads, operations
from storage.user_journal import JOURNAL_REPLICA, UserJournal

Journals = dict[str, UserJournal]
NamedTags = dict[str, set[Tag]]
"""User -> the tags that the user's operations name."""

# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_CREATE_HEADS = text(
    "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)"
    " VALUES (:user_id, 0, 1, 0, 0, '') ON CONFLICT DO NOTHING"
)
_PUT_CONTEXTS = text(
    "INSERT INTO contexts (user_id, replica, context) VALUES (:user_id, :replica, :context)"
    " ON CONFLICT (user_id, replica) DO UPDATE SET context = excluded.context"
)

_WANTED: BindParameter[list[str]] = bindparam("wanted", expanding=True)
_LOCK_HEADS = select(heads).where(heads.c.user_id.in_(_WANTED)).order_by(heads.c.user_id).with_for_update()
_ADDS_BY_TAG = select(operations).where(
    operations.c.user_id == bindparam("of_user"),
    operations.c.revision >= bindparam("from_revision"),
    operations.c.kind == KINDS["add"],
    operations.c.tags.in_(_WANTED),
)
_ENTRIES_BY_TAG = select(entries).where(entries.c.user_id == bindparam("of_user"), entries.c.tag.in_(_WANTED))

_INSERT_OPERATIONS = insert(operations)
_INSERT_ENTRIES = insert(entries)
_DELETE_ENTRIES = delete(entries).where(
    entries.c.user_id == bindparam("of_user"),
    entries.c.content_id == bindparam("of_content"),
    entries.c.tag == bindparam("of_tag"),
)
_MOVE_HEADS = update(heads).where(heads.c.user_id == bindparam("of_user"))


class UnknownUsers(Exception):
    """Some users of the batch have no head row yet: repeat the commit with ``create_heads``."""


def commit(
    connection: Connection,
    batch: Sequence[Operation],
    now_ms: int,
    limits: history.HistoryLimits,
    answers: AnswerKeeping,
    *,
    create_heads: bool,
) -> list[Outcome]:
    """Apply ``batch`` in order inside the caller's transaction; one outcome each, same order.

    Cost: independent of the size of a list and its history, with one exception: an add whose tag was removed before, or
    belongs to another content, reads the user's whole history and list.

    Raises:
        UnknownUsers: a user is new and ``create_heads`` is not set. This transaction has to end: rows created now would
            be locked out of order, and two nodes could wait for each other.
    """
    user_ids = sorted({operation.user_id for operation in batch})
    if create_heads:
        connection.execute(_CREATE_HEADS, [{"user_id": user_id} for user_id in user_ids])
    locked = {row.user_id: head_of(row) for row in connection.execute(_LOCK_HEADS, {"wanted": user_ids})}
    if len(locked) < len(user_ids):
        raise UnknownUsers
    named = _named_tags(batch)
    seen = _contexts(connection, named)
    since_ms = answers.known_since_ms(now_ms)
    journals = {user_id: UserJournal(user_id, head, seen[user_id], since_ms) for user_id, head in locked.items()}
    _learn(connection, journals, batch)
    outcomes = [journals[operation.user_id].apply(operation) for operation in batch]
    _write(connection, journals.values(), named, now_ms, limits, answers)
    answers.prune(connection, now_ms)
    return outcomes


def _named_tags(batch: Sequence[Operation]) -> NamedTags:
    named: NamedTags = defaultdict(set)
    for operation in batch:
        texts = operation.removed_tags if operation.change.action == "remove" else (operation.change.tag,)
        named[operation.user_id].update(Tag.parse(text) for text in texts if text)
    return named


def _contexts(connection: Connection, named: NamedTags) -> dict[str, dict[str, CausalContext]]:
    """Return, by user, what was seen of every replica that a tag names, except the journal's own."""
    seen = {
        user_id: {tag.replica: CausalContext() for tag in tags if tag.replica != JOURNAL_REPLICA}
        for user_id, tags in named.items()
    }
    replicas = [(user_id, replica) for user_id in seen for replica in seen[user_id]]
    for row in rows_in(connection, contexts.c.replica, replicas):
        seen[row.user_id][row.replica] = context_of(row)
    return seen


def _learn(connection: Connection, journals: Journals, batch: Sequence[Operation]) -> None:
    """Load the state that ``batch`` touches and the answers that it repeats."""
    touched = list({(operation.user_id, operation.content_id): None for operation in batch})
    for row in rows_in(connection, entries.c.content_id, touched):
        journals[row.user_id].learn_live(live_of(row))
    repeated: NamedTags = defaultdict(set)
    for operation in batch:
        if operation.change.action == "add" and operation.change.tag:
            tag = Tag.parse(operation.change.tag)
            if journals[operation.user_id].has_seen(tag):
                repeated[operation.user_id].add(tag)
    for user_id, tags in repeated.items():
        _learn_adds(connection, journals[user_id], tags)
    named_ids = [
        (operation.user_id, operation.change.operation_id)
        for operation in batch
        if operation.change.operation_id is not None
    ]
    for user_id, operation_id, answer in read_answers(connection, named_ids):
        journals[user_id].learn_answer(operation_id, answer)


def _learn_adds(connection: Connection, journal: UserJournal, tags: set[Tag]) -> None:
    """Load the earlier adds of ``tags``, of whatever content."""
    oldest = min((journal.added_revision(tag) or 0) for tag in tags)
    adds = {"of_user": journal.user_id, "from_revision": oldest, "wanted": [tags_text((str(tag),)) for tag in tags]}
    for row in connection.execute(_ADDS_BY_TAG, adds):
        (tag,) = update_of(row).tags
        journal.learn_add(tag, recorded_answer_of(row))
    if elsewhere := [str(tag) for tag in tags if journal.added_revision(tag) is None]:
        for row in connection.execute(_ENTRIES_BY_TAG, {"of_user": journal.user_id, "wanted": elsewhere}):
            journal.learn_live(live_of(row))


def _write(
    connection: Connection,
    journals: Collection[UserJournal],
    named: NamedTags,
    now_ms: int,
    limits: history.HistoryLimits,
    answers: AnswerKeeping,
) -> None:
    """Write what the batch changed."""
    recorded: list[Params] = []
    inserted: list[Params] = []
    deleted: list[Params] = []
    seen: list[Params] = []
    for journal in journals:
        recorded += [
            update_params(outcome.update, outcome.status, now_ms) for outcome in journal.recorded if outcome.update
        ]
        made_live, no_longer_live = journal.live_changes()
        inserted += [live_params(journal.user_id, live) for live in made_live]
        deleted += [
            {"of_user": journal.user_id, "of_content": live.content_id, "of_tag": str(live.tag)}
            for live in no_longer_live
        ]
        seen += [
            {"user_id": journal.user_id, "replica": replica, "context": context_text(context)}
            for replica, context in journal.context_changes(named[journal.user_id]).items()
        ]
    for statement, rows in (
        (_INSERT_OPERATIONS, recorded),
        (_DELETE_ENTRIES, deleted),
        (_INSERT_ENTRIES, inserted),
        (_PUT_CONTEXTS, seen),
    ):
        if rows:
            connection.execute(statement, rows)
    unrecorded = [(journal.user_id, *answer) for journal in journals for answer in journal.unrecorded.items()]
    answers.keep(connection, unrecorded, now_ms)
    if moved := [_moved_head(connection, journal, now_ms, limits, answers) for journal in journals if journal.recorded]:
        connection.execute(_MOVE_HEADS, moved)


def _moved_head(
    connection: Connection,
    journal: UserJournal,
    now_ms: int,
    limits: history.HistoryLimits,
    answers: AnswerKeeping,
) -> Params:
    before, first_kept = journal.head.revision, journal.head.first_revision
    if history.is_due(before, journal.revision):
        first_kept = history.prune(connection, journal.user_id, journal.revision, now_ms, limits, answers)
    return {
        "of_user": journal.user_id,
        "revision": journal.revision,
        "first_revision": first_kept,
        "minted": journal.minted,
        "clock": journal.clock.pack(),
        "clock_node": journal.clock.node,
    }
