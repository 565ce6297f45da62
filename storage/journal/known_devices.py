"""The devices that are known, beside their registers: when each was last seen, and which go where there are too many.

A device has a row of ``devices`` while its register has a value: both are written in the same transaction.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Dialect, text

from actors.messages.collections import parts_of
from actors.messages.registers import RegisterOperation
from storage.databases.database import Transaction
from storage.databases.statements import Row, Statement
from storage.journal.registers import register_of
from storage.rules.bounds import Bounds
from storage.rules.register_journal import RegisterJournal

# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_KNOW: Final = Statement(
    text(
        "INSERT INTO devices (user_id, device_id, last_seen_ms) VALUES (:user_id, :device_id, :last_seen_ms)"
        " ON CONFLICT DO NOTHING"
    )
)
_FORGET: Final = Statement(
    text("DELETE FROM devices WHERE user_id = :user_id AND device_id = :device_id"), "user_id", "device_id"
)
_OFFLINE_LONGEST: Final = Statement(
    text(
        "SELECT r.user_id, r.key, r.revision, r.timestamp, r.node, r.device_id, r.recorded_ms, r.state, r.members"
        " FROM devices AS d JOIN registers AS r ON r.user_id = :line AND r.key = d.device_id"
        " WHERE d.user_id = :user_id AND NOT EXISTS"
        " (SELECT 1 FROM presence AS p WHERE p.user_id = d.user_id AND p.device_id = d.device_id)"
        " ORDER BY d.last_seen_ms, d.device_id LIMIT :excess"
    ),
    "line",
    "user_id",
    "excess",
)


def compile_knowing(dialect: Dialect) -> None:
    """Compile what commits execute when a device is new."""
    _KNOW.compiled(dialect)


def learn_spare_devices(
    transaction: Transaction,
    journals: Mapping[str, RegisterJournal],
    batch: Sequence[RegisterOperation],
    bounds: Bounds,
) -> None:
    """Tell each of the ``journals`` that ``batch`` may give too many devices which of its devices may go.

    Cost: O(devices of such a user).
    """
    new: dict[str, set[str]] = defaultdict(set)
    for operation in batch:
        journal = journals[operation.line]
        if journal.kind.are_keys_devices and not journal.has(operation.change.key):
            new[operation.line].add(operation.change.key)
    for line, keys in new.items():
        excess = journals[line].head.items + len(keys) - bounds.devices_per_user
        if excess > 0:
            rows = transaction.execute(_OFFLINE_LONGEST, (line, parts_of(line)[0], excess)).fetchall()
            journals[line].learn_spare(map(register_of, rows))


def note_known_devices(transaction: Transaction, journals: Iterable[RegisterJournal], now_ms: int) -> None:
    """Keep rows of ``devices`` for what a batch has made known, and for nothing that it has removed."""
    known: list[Row] = []
    gone: list[Row] = []
    for journal in journals:
        if journal.kind.are_keys_devices:
            user_id, _ = parts_of(journal.line)
            for device_id, register in journal.changed.items():
                if register.values:
                    known.append((user_id, device_id, now_ms))
                else:
                    gone.append((user_id, device_id))
    transaction.execute_many(_KNOW, sorted(known))
    transaction.execute_many(_FORGET, sorted(gone))  # in one order: another transaction may hold several
