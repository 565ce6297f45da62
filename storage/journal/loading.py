"""What a commit has to know of its users' journals: locked and asked for at once, then read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Dialect, bindparam, select

from actors.messages.journal import AnyOperation, Operation, Outcome
from actors.messages.registers import RegisterOperation
from crdt.causal import CausalContext, Tag
from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement, for_update
from storage.journal.answers import AnswerKeeping, read_answers
from storage.journal.known_devices import learn_spare_devices
from storage.journal.registers import AskedRegisters, register_journals
from storage.journal.usage import counted, unused_replicas
from storage.rules.bounds import Bounds
from storage.rules.list_journal import JOURNAL_REPLICA, NO_HEAD, JournalHead, ListJournal
from storage.rules.register_journal import RegisterJournal
from storage.schema.rows import OPERATION_KINDS, context_of, head_of, live_of, recorded_answer_of, tags_text, update_of
from storage.schema.rows_in import SMALL_SIZES, chunks, compile_rows_in, padded, places, rows_in
from storage.schema.tables import answers as given_answers
from storage.schema.tables import contexts, entries, heads, operations

LOOKED_THROUGH: Final = 1_000
"""If an add comes again and its tag is not live in its content, the first add is looked for among so many of the line's
latest operations. It takes a fraction of what the write takes."""

# A table finds its columns by name in Python, each time.
_REPLICA: Final = contexts.c.replica
_CONTENT_ID: Final = entries.c.content_id

Journals = dict[str, ListJournal]
"""By line."""


class Loaded(NamedTuple):
    """The journals of a batch, by line."""

    sets: Journals
    registers: dict[str, RegisterJournal]

    def apply(self, batch: Iterable[AnyOperation]) -> list[Outcome]:
        """Apply ``batch`` in order, each operation to its line."""
        return [
            self.registers[one.line].apply(one)
            if isinstance(one, RegisterOperation)
            else self.sets[one.line].apply(one)
            for one in batch
        ]

    @property
    def all(self) -> Iterable[ListJournal | RegisterJournal]:
        """All of them."""
        return chain(self.sets.values(), self.registers.values())


@cache
def lock_heads(size: int) -> Statement:
    """Return what locks the heads of so many lines, all in one order, and selects them."""
    wanted = heads.c.line.in_(places(size))
    return Statement(for_update(select(heads).where(wanted).order_by(heads.c.line)))


@cache
def _adds_by_tag(size: int) -> Statement:
    wanted = places(size)
    return Statement(
        select(operations).where(
            operations.c.line == bindparam("of_line"),
            operations.c.revision >= bindparam("from_revision"),
            operations.c.kind == OPERATION_KINDS["add"],
            operations.c.tags.in_(wanted),
        ),
        "of_line",
        "from_revision",
        *(place.key for place in wanted),
    )


@cache
def _recorded_at(size: int) -> Statement:
    wanted = places(size)
    return Statement(
        select(operations).where(operations.c.line == bindparam("of_line"), operations.c.revision.in_(wanted)),
        "of_line",
        *(place.key for place in wanted),
    )


def compile_loading(dialect: Dialect) -> None:
    """Compile what small batches ask for."""
    for size in SMALL_SIZES:
        lock_heads(size).compiled(dialect)
    for key in (contexts.c.replica, entries.c.content_id, operations.c.operation_id, given_answers.c.operation_id):
        compile_rows_in(dialect, key)


def load(
    transaction: Transaction,
    batch: Sequence[AnyOperation],
    now_ms: int,
    answers: AnswerKeeping,
    bounds: Bounds,
    *,
    are_created: bool,
) -> Loaded | None:
    """Lock the heads of the lines of ``batch``, and return their journals with what ``batch`` touches.

    ``None``: a line has no head yet. ``are_created``: those that may be created were, so that a line may have none.
    """
    lines = {operation.line for operation in batch}
    of_sets = [operation for operation in batch if isinstance(operation, Operation)]
    of_registers = [one for one in batch if isinstance(one, RegisterOperation)] if len(of_sets) < len(batch) else []
    # Everything is asked for before the first answer is waited for. The rest is read when the heads are locked.
    wanted = padded(sorted(lines))
    locked = transaction.execute(lock_heads(len(wanted)), wanted)
    asked = _AskedSets(transaction, of_sets)
    asked_registers = AskedRegisters(transaction, of_registers)

    heads_found = {row[0]: head_of(row) for row in locked.fetchall()}
    if len(heads_found) < len(lines) and not are_created:
        return None
    registers = register_journals({one.line: heads_found[one.line] for one in of_registers}, bounds)
    asked_registers.learnt_by(registers)
    learn_spare_devices(transaction, registers, of_registers, bounds)
    sets = asked.journals(
        transaction,
        {line: heads_found.get(line) for line in lines - registers.keys()},
        now_ms,
        answers.known_since_ms(now_ms),
        bounds,
    )
    _learn_repeated_adds(transaction, sets, of_sets)
    return Loaded(sets, registers)


class _AskedSets:
    """What ``batch`` touches of sets: asked for at once, read later."""

    def __init__(self, transaction: Transaction, batch: Sequence[Operation]) -> None:
        touched = {(operation.line, operation.content_id) for operation in batch}
        replicas = {(operation.line, replica) for operation in batch for replica in _foreign_replicas(operation)}
        operation_ids = [
            (operation.line, name) for operation in batch if (name := operation.change.operation_id) is not None
        ]
        self._named = Counter(line for line, _ in replicas)
        self._seen = rows_in(transaction, _REPLICA, list(replicas))
        self._live = rows_in(transaction, _CONTENT_ID, list(touched))
        self._answered = read_answers(transaction, operation_ids)

    def journals(
        self,
        transaction: Transaction,
        stored: Mapping[str, JournalHead | None],
        now_ms: int,
        answers_since_ms: int,
        bounds: Bounds,
    ) -> Journals:
        """Return the journals of these lines, whose heads are ``stored``, with what was asked for."""
        contexts_of_line = _contexts_by_line(self._seen)
        journals: Journals = {}
        for line, head_stored in stored.items():
            if head_stored is None:
                journals[line] = ListJournal(line, NO_HEAD, {}, answers_since_ms, bounds, exists=False)
                continue
            head, known = counted(transaction, line, head_stored), contexts_of_line[line]
            new = self._named[line] - len(known)
            lack = min(new, head.replicas + new - bounds.replicas_per_user)
            unused = unused_replicas(transaction, line, lack, known, now_ms)
            journals[line] = ListJournal(line, head, known, answers_since_ms, bounds, unused)
        for row in self._live:
            journals[row[0]].learn_live(live_of(row))
        for line, operation_id, answer in self._answered:
            journals[line].learn_answer(operation_id, answer)
        return journals


def _contexts_by_line(rows: Iterable[Row]) -> dict[str, dict[str, CausalContext]]:
    by_line: dict[str, dict[str, CausalContext]] = defaultdict(dict)
    for row in rows:
        line, replica, *_ = row
        by_line[line][replica] = context_of(row)
    return by_line


def _foreign_replicas(operation: Operation) -> set[str]:
    """Return the replicas of the tags that ``operation`` names, except the journal's own."""
    if not operation.removed_tags and not operation.change.tag:
        return set()
    texts = operation.removed_tags if operation.change.action == "remove" else (operation.change.tag,)
    return {Tag.parse(text).replica for text in texts if text} - {JOURNAL_REPLICA}


def _learn_repeated_adds(transaction: Transaction, journals: Journals, batch: Sequence[Operation]) -> None:
    repeated: dict[str, set[tuple[str, Tag]]] = defaultdict(set)
    for operation in batch:
        if operation.change.action == "add" and operation.change.tag:
            tag = Tag.parse(operation.change.tag)
            if journals[operation.line].has_seen(tag):
                repeated[operation.line].add((operation.content_id, tag))
    for line, adds in repeated.items():
        _learn_adds(transaction, journals[line], adds)


def _learn_adds(transaction: Transaction, journal: ListJournal, adds: set[tuple[str, Tag]]) -> None:
    """Load the earlier adds of the tags of ``adds``: of those live in their content, and of any that came lately."""
    known = {add: journal.added_revision(*add) for add in adds}
    revisions = [revision for revision in known.values() if revision is not None]
    others = [tags_text((str(tag),)) for (_, tag), revision in known.items() if revision is None]
    lately = journal.head.revision - LOOKED_THROUGH + 1
    results = [
        *(transaction.execute(_recorded_at(len(some)), (journal.line, *some)) for some in chunks(revisions)),
        *(transaction.execute(_adds_by_tag(len(some)), (journal.line, lately, *some)) for some in chunks(others)),
    ]
    for row in chain.from_iterable(result.fetchall() for result in results):
        (tag_text,) = update_of(row).tags
        journal.learn_add(tag_text, recorded_answer_of(row))
