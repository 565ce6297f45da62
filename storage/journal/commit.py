"""The journal's write transaction: lock, load, apply, write; a few statements, however many operations.

The lines' head rows are locked first, in one order, and for the whole transaction. So one transaction at a time writes
a line, on whatever node: revisions have no gaps, and they ascend in the order of commits.
"""

from collections.abc import Collection, Sequence
from functools import cache

from msgspec import structs
from sqlalchemy import Dialect, bindparam, delete, insert, text, update

from actors.messages.journal import AnyOperation, Outcome
from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement
from storage.journal import history
from storage.journal.answers import AnswerKeeping, compile_keeping
from storage.journal.known_devices import compile_knowing, note_known_devices
from storage.journal.lists import compile_creating, create_lines, drop_lists
from storage.journal.loading import Loaded, compile_loading, load
from storage.journal.registers import (
    answer_rows,
    compile_registers,
    pruned_every,
    pruned_registers,
    write_registers,
)
from storage.journal.usage import forget_replicas
from storage.rules.bounds import Bounds
from storage.rules.list_journal import JournalHead, ListJournal
from storage.rules.register_journal import RegisterJournal
from storage.schema.rows import answer_row, context_row, head_row, live_row, update_row
from storage.schema.tables import entries, heads, operations

# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_PUT_CONTEXTS = Statement(
    text(
        "INSERT INTO contexts (user_id, replica, context, used_day) VALUES (:line, :replica, :context, :used_day)"
        " ON CONFLICT (user_id, replica) DO UPDATE SET context = excluded.context, used_day = excluded.used_day"
    )
)
_INSERT_OPERATIONS = Statement(insert(operations))
_INSERT_ENTRIES = Statement(insert(entries))
_DELETE_ENTRIES = Statement(
    delete(entries).where(
        entries.c.line == bindparam("of_line"),
        entries.c.content_id == bindparam("of_content"),
        entries.c.tag == bindparam("of_tag"),
    ),
    "of_line",
    "of_content",
    "of_tag",
)
_MOVED = [column for column in heads.columns if column not in (heads.c.line, heads.c.deleted_revision)]
_MOVE_HEADS = Statement(
    update(heads)
    .where(heads.c.line == bindparam("of_line"))
    .values({column: bindparam(f"new_{column.name}") for column in _MOVED}),
    "of_line",
    *(f"new_{column.name}" for column in _MOVED),
)


@cache
def compile_ahead(dialect: Dialect) -> None:
    """Compile what ``commit`` executes, which takes 15 ms: the first writes after a start would wait for it."""
    compile_loading(dialect)
    compile_keeping(dialect)
    compile_creating(dialect)
    compile_registers(dialect)
    compile_knowing(dialect)
    for statement in (_PUT_CONTEXTS, _INSERT_OPERATIONS, _INSERT_ENTRIES, _DELETE_ENTRIES, _MOVE_HEADS):
        statement.compiled(dialect)


def commit(
    transaction: Transaction,
    batch: Sequence[AnyOperation],
    now_ms: int,
    limits: history.HistoryLimits,
    answers: AnswerKeeping,
    bounds: Bounds,
    *,
    create_heads: bool,
) -> list[Outcome] | None:
    """Apply ``batch`` in order inside the caller's transaction; one outcome each, same order.

    ``None``: a line is new, and ``create_heads`` is not set, or was when another node created it; no operation was
    written. This transaction has to end: heads locked now would be so out of order, and two nodes could wait for each
    other.

    Cost: independent of the size of a list and its history, with one exception: what is bounded is counted once if a
    release that does not count has written the line.
    """
    created = create_lines(transaction, batch, bounds) if create_heads else []
    if created is None:
        return None
    journals = load(transaction, batch, now_ms, answers, bounds, are_created=create_heads)
    if journals is None:
        return None
    outcomes = journals.apply(batch)
    begun = {line for line in created if journals.sets[line].recorded}
    drop_lists(transaction, (line for line in created if line not in begun))
    _write(transaction, journals.sets.values(), now_ms)
    write_registers(transaction, journals.registers.values(), now_ms)
    note_known_devices(transaction, journals.registers.values(), now_ms)
    _keep_answers(transaction, journals, now_ms, answers)
    _move_heads(transaction, journals, now_ms, limits, answers, bounds)
    answers.prune(transaction, now_ms)
    return _with_beginnings(batch, outcomes, begun) if begun else outcomes


def _with_beginnings(batch: Sequence[AnyOperation], outcomes: list[Outcome], begun: set[str]) -> list[Outcome]:
    """Return ``outcomes``, where the first that is new of each line of ``begun`` says that its list begins with it."""
    told: list[Outcome] = []
    waiting = set(begun)
    for operation, outcome in zip(batch, outcomes, strict=True):
        is_first = outcome.is_new and operation.line in waiting
        told.append(structs.replace(outcome, begins_list=True) if is_first else outcome)
        if is_first:
            waiting.remove(operation.line)
    return told


def _write(transaction: Transaction, journals: Collection[ListJournal], now_ms: int) -> None:
    """Write what the batch changed of sets, but for their heads."""
    recorded: list[Row] = []
    inserted: list[Row] = []
    deleted: list[Row] = []
    seen: list[Row] = []
    forgotten: list[tuple[str, str]] = []
    for journal in journals:
        line = journal.line
        recorded += [
            update_row(update, outcome.status, now_ms, is_lone=update.revision in journal.lone)
            for outcome in journal.recorded
            if (update := outcome.update)
        ]
        made_live, no_longer_live = journal.live_changes()
        inserted += [live_row(line, live) for live in made_live]
        deleted += [(line, live.content_id, str(live.tag)) for live in no_longer_live]
        seen += [context_row(line, *changed, now_ms) for changed in journal.context_changes().items()]
        forgotten += [(line, replica) for replica in journal.forgotten]
    transaction.execute_many(_INSERT_OPERATIONS, recorded)
    transaction.execute_many(_DELETE_ENTRIES, deleted)
    transaction.execute_many(_INSERT_ENTRIES, inserted)
    forget_replicas(transaction, forgotten)
    transaction.execute_many(_PUT_CONTEXTS, seen)


def _keep_answers(transaction: Transaction, journals: Loaded, now_ms: int, answers: AnswerKeeping) -> None:
    """Keep what the batch was answered where its history does not."""
    of_sets = [
        answer_row(journal.line, operation_id, answer, now_ms)
        for journal in journals.sets.values()
        for operation_id, answer in journal.unrecorded.items()
    ]
    answers.keep(transaction, of_sets + answer_rows(journals.registers.values(), now_ms))


def _move_heads(
    transaction: Transaction,
    journals: Loaded,
    now_ms: int,
    limits: history.HistoryLimits,
    answers: AnswerKeeping,
    bounds: Bounds,
) -> None:
    """Write the heads of what the batch changed, and drop history where that is due."""
    moved = ((journal, head) for journal in journals.all if (head := journal.new_head) != journal.head)
    transaction.execute_many(
        _MOVE_HEADS,
        [
            head_row(journal.line, _pruned(transaction, journal, head, now_ms, limits, answers, bounds))
            for journal, head in moved
        ],
    )


def _pruned(
    transaction: Transaction,
    journal: ListJournal | RegisterJournal,
    head: JournalHead,
    now_ms: int,
    limits: history.HistoryLimits,
    answers: AnswerKeeping,
    bounds: Bounds,
) -> JournalHead:
    """Drop history that need not be kept, if that is due, and return the ``head`` that says so."""
    of_registers = isinstance(journal, RegisterJournal)
    every = max(limits.prune_every, pruned_every(head.replicas)) if of_registers else limits.prune_every
    if not history.is_due(journal.head.revision, head.revision, every):
        return head
    if of_registers:
        return pruned_registers(transaction, journal.line, head, now_ms, limits, bounds)
    first_kept = history.prune(transaction, journal.line, head, now_ms, limits, answers)
    return structs.replace(head, first_revision=first_kept)
