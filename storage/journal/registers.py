"""Registers in the tables: what a commit loads and writes of them, and what is read of their history.

A row is a key's value and its newest operation at once, so the history is never longer than there are keys. A device
that has seen revision 7, and asks for what came later, is told the keys with a later revision: each once, as it is now.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, takewhile
from typing import Any, Final

from msgspec import json, structs
from sqlalchemy import Dialect, bindparam, delete, select, text

from actors.messages.journal import Outcome, Status
from actors.messages.journal_reads import Changes
from actors.messages.register_kinds import RegisterKind, register_kind_of
from actors.messages.registers import RegisterOperation, RegisterUpdate
from crdt.hlc import HLCTimestamp
from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement
from storage.journal.history import HistoryLimits
from storage.rules.bounds import Bounds
from storage.rules.list_journal import JournalHead
from storage.rules.register_journal import Register, RegisterAnswer, RegisterJournal
from storage.schema.rows import fields_of, fields_text
from storage.schema.rows_in import compile_rows_in, rows_in
from storage.schema.tables import answers, registers

UPDATE: Final = "register.update"
REMOVE: Final = "register.remove"
"""Values of ``answers.kind``."""

# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_PUT: Final = Statement(
    text(
        "INSERT INTO registers (user_id, key, revision, timestamp, node, device_id, recorded_ms, state, members)"
        " VALUES (:line, :key, :revision, :timestamp, :node, :device_id, :recorded_ms, :state, :members)"
        " ON CONFLICT (user_id, key) DO UPDATE SET revision = excluded.revision, timestamp = excluded.timestamp,"
        " node = excluded.node, device_id = excluded.device_id, recorded_ms = excluded.recorded_ms,"
        " state = excluded.state, members = excluded.members"
    )
)
_AFTER: Final = Statement(
    select(registers)
    .where(registers.c.line == bindparam("of_line"), registers.c.revision > bindparam("after"))
    .order_by(registers.c.revision)
    .limit(bindparam("size")),
    "of_line",
    "after",
    "size",
)
_ONE: Final = Statement(
    select(registers).where(registers.c.line == bindparam("of_line"), registers.c.key == bindparam("of_key")),
    "of_line",
    "of_key",
)
_REMOVED: Final = Statement(
    select(registers.c.revision, registers.c.recorded_ms)
    .where(registers.c.line == bindparam("of_line"), registers.c.state.is_(None))
    .order_by(registers.c.revision),
    "of_line",
)
_FORGET: Final = Statement(
    delete(registers).where(
        registers.c.line == bindparam("of_line"),
        registers.c.state.is_(None),
        registers.c.revision <= bindparam("last"),
    ),
    "of_line",
    "last",
)
LOOKED_AT_PER_WRITE: Final = 10
"""Removed keys, at most and on average: the more of them are remembered, the less often they are looked through."""

# A table finds its columns by name in Python, each time.
_KEY: Final = registers.c.key
_ANSWERED_ID: Final = answers.c.operation_id
_encode: Final = json.Encoder().encode
_decode_values: Final = json.Decoder(dict[str, Any]).decode


def compile_registers(dialect: Dialect) -> None:
    """Compile what commits execute."""
    _PUT.compiled(dialect)
    compile_rows_in(dialect, registers.c.key)


class AskedRegisters:
    """What ``batch`` touches of registers: asked for at once, read later."""

    def __init__(self, transaction: Transaction, batch: Sequence[RegisterOperation]) -> None:
        keys = list({(operation.line, operation.change.key) for operation in batch})
        ids = [(one.line, name) for one in batch if (name := one.change.operation_id) is not None]
        self._rows = rows_in(transaction, _KEY, keys)
        self._answers = rows_in(transaction, _ANSWERED_ID, ids)

    def learnt_by(self, journals: dict[str, RegisterJournal]) -> None:
        """Let each of the ``journals`` learn what is its own."""
        for row in self._rows:
            journals[row[0]].learn(register_of(row))
        for row in self._answers:
            journals[row[0]].learn_answer(row[1], _answer_of(row))


def register_journals(heads: Mapping[str, JournalHead], bounds: Bounds) -> dict[str, RegisterJournal]:
    """Return the journals of those lines that are registers, with their ``heads``."""
    kinds = ((line, head, register_kind_of(line)) for line, head in heads.items())
    return {line: RegisterJournal(line, kind, head, bounds) for line, head, kind in kinds if kind is not None}


def write_registers(transaction: Transaction, journals: Iterable[RegisterJournal], now_ms: int) -> None:
    """Write the keys that a batch changed."""
    transaction.execute_many(_PUT, list(chain.from_iterable(_rows(journal, now_ms) for journal in journals)))


def answer_rows(journals: Iterable[RegisterJournal], now_ms: int) -> list[Row]:
    """Return the rows of ``answers`` for what a batch was answered."""
    return [
        _answer_row(journal.line, operation_id, answer, now_ms)
        for journal in journals
        for operation_id, answer in journal.new_answers.items()
    ]


def pruned_every(removed: int) -> int:
    """Return the revisions between two looks through so many ``removed`` keys.

    A power of two: a number that grew with the keys could have one of its multiples at every few revisions.
    """
    return 1 << (removed // LOOKED_AT_PER_WRITE).bit_length()


def pruned_registers(
    transaction: Transaction, line: str, head: JournalHead, now_ms: int, limits: HistoryLimits, bounds: Bounds
) -> JournalHead:
    """Forget keys that were removed long ago, or are more than may be remembered, and return the ``head`` that says so.

    Whoever has not seen the removals is shown the whole, as where history was pruned.

    Cost: O(keys removed).
    """
    if not head.replicas:
        return head
    removed = transaction.execute(_REMOVED, (line,)).fetchall()
    born_after_ms, excess = now_ms - limits.max_age_ms, len(removed) - bounds.keys_per_user
    old = takewhile(lambda one: one[0] < excess or one[1][1] < born_after_ms, enumerate(removed))
    forgotten = [revision for _, (revision, _) in old]
    if not forgotten:
        return head
    transaction.execute(_FORGET, (line, forgotten[-1]))
    return structs.replace(head, first_revision=forgotten[-1] + 1, replicas=len(removed) - len(forgotten))


def read_register_changes(
    transaction: Transaction, line: str, kind: RegisterKind, revision: int, limit: int, epoch: str, head: int
) -> Changes:
    """Return up to ``limit`` keys that changed after ``revision``, as they are now.

    Cost: O(keys).
    """
    rows = transaction.execute(_AFTER, (line, revision, limit + 1)).fetchall() if revision < head else []
    updates = [newest_update_of(row) for row in rows[:limit]]
    return Changes(
        line=line,
        epoch=epoch,
        revision=updates[-1].revision if len(rows) > limit else head,
        head=head,
        updates=tuple([_encode(kind.device_form(update)) for update in updates]),
        revisions=tuple([update.revision for update in updates]),
    )


def read_register(transaction: Transaction, line: str, key: str) -> RegisterUpdate | None:
    """Return the newest update of a key that has a value."""
    updates = map(newest_update_of, transaction.execute(_ONE, (line, key)).fetchall())
    return next((update for update in updates if update.values), None)


def register_of(row: Row) -> Register:
    """Return the register in a row of ``registers``."""
    _, key, revision, timestamp, node, device_id, _, _, members = row
    return Register(key, revision, HLCTimestamp.unpack(timestamp, node), device_id, fields_of(members))


def newest_update_of(row: Row) -> RegisterUpdate:
    """Return the newest update of the key in a row of ``registers``."""
    register = register_of(row)
    return RegisterUpdate(
        line=row[0],
        revision=register.revision,
        key=register.key,
        values=register.values,
        timestamp=register.timestamp,
        device_id=register.device_id,
    )


def _rows(journal: RegisterJournal, now_ms: int) -> Iterator[Row]:
    for register in journal.changed.values():
        stamp, values = register.timestamp, register.values
        yield (
            journal.line,
            register.key,
            register.revision,
            stamp.pack(),
            stamp.node,
            register.device_id,
            now_ms,
            journal.kind.state_of(values) if values else None,
            fields_text(register.members),
        )


def _answer_row(line: str, operation_id: str, answer: RegisterAnswer, now_ms: int) -> Row:
    outcome, update, stamp = answer.outcome, answer.outcome.register, answer.outcome.timestamp
    return (
        line,
        operation_id,
        REMOVE if answer.is_removal else UPDATE,
        answer.key,
        outcome.status.value,
        outcome.reason,
        outcome.field,
        update and update.revision,
        None,
        stamp and stamp.pack(),
        stamp and stamp.node,
        update and update.device_id,
        now_ms,
        _encode(update.values).decode() if update else None,
    )


def _answer_of(row: Row) -> RegisterAnswer:
    line, _, kind, key, status, reason, field, revision, _, timestamp, node, device_id, _, value = row
    update = None
    if revision is not None:
        update = RegisterUpdate(
            line=line,
            revision=revision,
            key=key,
            values=_decode_values(value),
            timestamp=HLCTimestamp.unpack(timestamp, node),
            device_id=device_id,
        )
    outcome = Outcome(status=Status(status), register=update, reason=reason, field=field)
    return RegisterAnswer(key, kind == REMOVE, outcome)
