"""What a world must have kept when it is calm: the promise, held against the journal's rows.

It knows what the documents promise, and no code of the service.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from simulation.database import ARCHIVE
from simulation.witness import Answer, Wanted, Witness

ADD: Final = "watchlist.add"
DONE: Final = {"add": "added", "remove": "removed"}
"""The answer to a write that has changed something."""


class Row(Struct, frozen=True):
    """A row of the history."""

    revision: int
    kind: str
    content_id: str
    device_id: str
    operation_id: str | None
    tags: str = "[]"
    """JSON."""

    @property
    def action(self) -> str:
        """As it is shown."""
        return self.kind.rpartition(".")[2]


class Journal(Struct, frozen=True):
    """What the database holds of one user."""

    head: int
    rows: tuple[Row, ...]
    listed: frozenset[str]

    def list_at(self, revision: int) -> frozenset[str]:
        """Return the list as the history makes it."""
        contents: set[str] = set()
        for row in self.rows[:revision]:
            (contents.add if row.kind == ADD else contents.discard)(row.content_id)
        return frozenset(contents)


class JournalFile:
    """Reads the database by itself."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = sqlite3.connect(self._file, isolation_level=None)
        return self._opened

    def heads(self) -> dict[str, int]:
        """Return where each user stands who has revisions."""
        return dict(self._connection.execute("SELECT user_id, revision FROM heads WHERE revision > 0"))

    def read(self, user_id: str) -> Journal:
        """Return all that it holds of a user."""
        execute = self._connection.execute
        (head,) = execute("SELECT revision FROM heads WHERE user_id = ?", (user_id,)).fetchone() or (0,)
        rows = execute(
            f"SELECT revision, kind, content_id, device_id, operation_id, tags FROM {ARCHIVE}"  # noqa: S608 - a constant
            " WHERE user_id = ? ORDER BY revision",
            (user_id,),
        )
        return Journal(head, tuple(Row(*row) for row in rows), self.listed(user_id))

    def listed(self, user_id: str) -> frozenset[str]:
        """Return a user's list."""
        entries = self._connection.execute("SELECT DISTINCT content_id FROM entries WHERE user_id = ?", (user_id,))
        return frozenset(content_id for (content_id,) in entries)

    def close(self) -> None:
        """Close it; it is opened again when it is needed."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def judge(witness: Witness, user_id: str, journal: Journal) -> Iterator[str]:
    """Yield everything about this user that breaks the promise, at the end."""
    yield from judge_for_now(witness, user_id, journal)
    for (owner, operation_id), wanted in witness.wanted.items():
        key = owner, operation_id
        if owner == user_id and key not in witness.answers and key not in witness.lost:
            yield f"{operation_id} ({wanted.action} {wanted.content_id}) was never answered"


def judge_for_now(witness: Witness, user_id: str, journal: Journal) -> Iterator[str]:
    """Yield everything about this user that breaks the promise, while some writes are not decided."""
    yield from _revisions(journal)
    yield from _answers(witness, user_id, journal)
    yield from _shown(witness, user_id, journal)
    yield from _add_wins(witness, user_id, journal)
    yield from _foreign(witness, user_id, journal)
    if journal.listed != journal.list_at(journal.head):
        yield "the list is not what its history makes it"


def _revisions(journal: Journal) -> Iterator[str]:
    revisions = [row.revision for row in journal.rows]
    if revisions != list(range(1, journal.head + 1)):
        yield f"revisions have a gap: {revisions} up to {journal.head}"
    ids = [row.operation_id for row in journal.rows if row.operation_id is not None]
    if len(ids) != len(set(ids)):
        yield "an operation is in the journal twice"


def _answers(witness: Witness, user_id: str, journal: Journal) -> Iterator[str]:
    recorded = {row.operation_id: row for row in journal.rows}
    for (owner, operation_id), answer in witness.answers.items():
        if owner != user_id:
            continue
        wanted, row = witness.wanted[owner, operation_id], recorded.get(operation_id)
        yield from _answer(operation_id, wanted, answer, row)


def _answer(operation_id: str, wanted: Wanted, answer: Answer, row: Row | None) -> Iterator[str]:
    if answer.revision is None:
        if answer.status == DONE[wanted.action]:
            yield f"{operation_id} was answered {answer.status}, and has no revision"
        if row is not None:
            yield f"{operation_id} was answered {answer.status} without a revision, and is in the journal"
    elif row is None:
        yield f"{operation_id} was acknowledged as revision {answer.revision}, and is not in the journal"
    elif (row.revision, row.action, row.content_id) != (answer.revision, wanted.action, wanted.content_id):
        yield f"{operation_id} was acknowledged as {answer}, and the journal holds {row}"


def _shown(witness: Witness, user_id: str, journal: Journal) -> Iterator[str]:
    rows = {row.revision: row for row in journal.rows}
    for (owner, revision), shown in witness.shown.items():
        if owner != user_id:
            continue
        row = rows.get(revision)
        if row is None:
            yield f"revision {revision} was shown and is not in the journal"
        elif (row.action, row.content_id) != shown:
            yield f"revision {revision} was shown as {shown}, and the journal holds {row}"
    for (owner, revision), contents in witness.snapshots.items():
        if owner == user_id and contents != journal.list_at(revision):
            yield f"the list shown at revision {revision} is not the list at that revision"


def _add_wins(witness: Witness, user_id: str, journal: Journal) -> Iterator[str]:
    """An add is outlived only by a remove whose author had seen it, or had written it."""
    latest: dict[str, Row] = {}
    for row in journal.rows:
        if row.kind == ADD:
            latest[row.content_id] = row
            continue
        add = latest.pop(row.content_id, None)
        if add is None:
            yield f"revision {row.revision} removes what was not there"
            continue
        if _is_named(witness, user_id, add):
            continue
        if not any(
            _had_seen(wanted, operation_id, row, add) for operation_id, wanted in _removes(witness, user_id, row)
        ):
            yield f"revision {row.revision} removed revision {add.revision}, which nobody who removed it had seen"


def _foreign(witness: Witness, user_id: str, journal: Journal) -> Iterator[str]:
    """A foreign publisher's add has no operation id: its tag makes it one, however many nodes take it in.

    Its remove takes the tags that it names, and no others.
    """
    seen: set[str] = set()
    for row in journal.rows:
        if row.operation_id is not None:
            continue
        if row.kind != ADD:
            removes = witness.foreign_removes.get((user_id, row.content_id), [])
            if not any(named.issuperset(json.loads(row.tags)) for named in removes):
                yield f"revision {row.revision} removes {row.tags}, which nobody has named together"
            continue
        (tag,) = json.loads(row.tags)
        if witness.foreign.get((user_id, tag)) != row.content_id:
            yield f"revision {row.revision} is nobody's"
        if tag in seen:
            yield f"revision {row.revision} adds {tag} again"
        seen.add(tag)


def _is_named(witness: Witness, user_id: str, add: Row) -> bool:
    """Return whether a foreign publisher that had seen ``add`` has removed it: alone, or others' tags then the rest."""
    tags = json.loads(add.tags)
    return any(not named.isdisjoint(tags) for named in witness.foreign_removes.get((user_id, add.content_id), []))


def _removes(witness: Witness, user_id: str, row: Row) -> Iterator[tuple[str, Wanted]]:
    for (owner, operation_id), wanted in witness.wanted.items():
        if owner == user_id and wanted.action == "remove" and wanted.content_id == row.content_id:
            yield operation_id, wanted


def _had_seen(wanted: Wanted, operation_id: str, row: Row, add: Row) -> bool:
    """Return whether a remove may have taken ``add``; another remove may have taken a part before ``row`` the rest."""
    if wanted.observed is None or wanted.observed >= add.revision:
        return True
    is_own = add.operation_id is not None and add.operation_id.partition(".")[0] == wanted.author
    return is_own or (operation_id == row.operation_id and add.device_id == row.device_id)
