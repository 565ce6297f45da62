"""What a commit has to know of its users' journals: locked and asked for at once, then taken in."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from msgspec import structs
from sqlalchemy import bindparam, func, select

from actors.messages.journal import Operation
from crdt.causal import CausalContext, Tag
from storage.answers import read_answers
from storage.bounds import Bounds
from storage.database import Transaction
from storage.rows import KINDS, context_of, head_of, live_of, recorded_answer_of, tags_text, update_of
from storage.rows_in import chunks, padded, places, rows_in
from storage.statements import Statement, for_update
from storage.tables import contexts, entries, heads, operations
from storage.user_journal import JOURNAL_REPLICA, JournalHead, UserJournal

Journals = dict[str, UserJournal]
"""By user."""


_COUNT = Statement(
    select(
        select(func.count(entries.c.content_id.distinct()))
        .where(entries.c.user_id == bindparam("of_user"))
        .scalar_subquery(),
        select(func.count()).where(contexts.c.user_id == bindparam("of_same_user")).scalar_subquery(),
    ),
    "of_user",
    "of_same_user",
)


@cache
def _lock_heads(size: int) -> Statement:
    wanted = heads.c.user_id.in_(places(size))
    return Statement(for_update(select(heads).where(wanted).order_by(heads.c.user_id)))


@cache
def _adds_by_tag(size: int) -> Statement:
    wanted = places(size)
    return Statement(
        select(operations).where(
            operations.c.user_id == bindparam("of_user"),
            operations.c.revision >= bindparam("from_revision"),
            operations.c.kind == KINDS["add"],
            operations.c.tags.in_(wanted),
        ),
        "of_user",
        "from_revision",
        *(place.key for place in wanted),
    )


@cache
def _entries_by_tag(size: int) -> Statement:
    wanted = places(size)
    return Statement(
        select(entries).where(entries.c.user_id == bindparam("of_user"), entries.c.tag.in_(wanted)),
        "of_user",
        *(place.key for place in wanted),
    )


def load(
    transaction: Transaction, batch: Sequence[Operation], answers_since_ms: int, bounds: Bounds
) -> Journals | None:
    """Lock the heads of the users of ``batch``, and return their journals with what ``batch`` touches.

    ``None``: a user has no head yet.
    """
    user_ids = {operation.user_id for operation in batch}
    touched = {(operation.user_id, operation.content_id) for operation in batch}
    replicas = {(operation.user_id, replica) for operation in batch for replica in _foreign_replicas(operation)}
    operation_ids = [
        (operation.user_id, name) for operation in batch if (name := operation.change.operation_id) is not None
    ]
    # Everything is asked for before the first answer is waited for. The rest is read when the heads are locked.
    wanted = padded(sorted(user_ids))
    locked = transaction.execute(_lock_heads(len(wanted)), wanted)
    seen = rows_in(transaction, contexts.c.replica, list(replicas))
    live = rows_in(transaction, entries.c.content_id, list(touched))
    answered = read_answers(transaction, operation_ids)

    head_of_user = {row[0]: head_of(row) for row in locked.fetchall()}
    if len(head_of_user) < len(user_ids):
        return None
    for user_id, head in head_of_user.items():
        if not head.is_counted:
            head_of_user[user_id] = _counted(transaction, user_id, head)
    contexts_of_user: dict[str, dict[str, CausalContext]] = defaultdict(dict)
    for row in seen:
        user_id, replica, *_ = row
        contexts_of_user[user_id][replica] = context_of(row)
    journals = {
        user_id: UserJournal(user_id, head, contexts_of_user[user_id], answers_since_ms, bounds)
        for user_id, head in head_of_user.items()
    }
    for row in live:
        journals[row[0]].learn_live(live_of(row))
    for user_id, operation_id, answer in answered:
        journals[user_id].learn_answer(operation_id, answer)
    _learn_repeated_adds(transaction, journals, batch)
    return journals


def _counted(transaction: Transaction, user_id: str, head: JournalHead) -> JournalHead:
    """Return ``head`` with what is bounded, counted. Cost: O(live tags + replicas)."""
    ((items, replicas),) = transaction.execute(_COUNT, (user_id, user_id)).fetchall()
    return structs.replace(head, items=items, replicas=replicas)


def _foreign_replicas(operation: Operation) -> set[str]:
    """Return the replicas of the tags that ``operation`` names, except the journal's own."""
    texts = operation.removed_tags if operation.change.action == "remove" else (operation.change.tag,)
    return {Tag.parse(text).replica for text in texts if text} - {JOURNAL_REPLICA}


def _learn_repeated_adds(transaction: Transaction, journals: Journals, batch: Sequence[Operation]) -> None:
    repeated: dict[str, set[Tag]] = defaultdict(set)
    for operation in batch:
        if operation.change.action == "add" and operation.change.tag:
            tag = Tag.parse(operation.change.tag)
            if journals[operation.user_id].has_seen(tag):
                repeated[operation.user_id].add(tag)
    for user_id, tags in repeated.items():
        _learn_adds(transaction, journals[user_id], tags)


def _learn_adds(transaction: Transaction, journal: UserJournal, tags: set[Tag]) -> None:
    """Load the earlier adds of ``tags``, of whatever content."""
    oldest = min((journal.added_revision(tag) or 0) for tag in tags)
    for wanted in chunks([tags_text((str(tag),)) for tag in tags]):
        adds = transaction.execute(_adds_by_tag(len(wanted)), (journal.user_id, oldest, *wanted))
        for row in adds.fetchall():
            (tag_text,) = update_of(row).tags
            journal.learn_add(tag_text, recorded_answer_of(row))
    elsewhere = [str(tag) for tag in tags if journal.added_revision(tag) is None]
    for wanted in chunks(elsewhere):
        for row in transaction.execute(_entries_by_tag(len(wanted)), (journal.user_id, *wanted)).fetchall():
            journal.learn_live(live_of(row))
