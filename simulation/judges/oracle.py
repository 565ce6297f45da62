"""What a world must have kept when it is calm: the promise, held against the journal's rows.

It knows what the documents promise, and no code of the service.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

from msgspec import Struct

from simulation.judges.lines import SEPARATOR, line_of, user_in
from simulation.judges.registers import RegisterVersions, Stamp, Version
from simulation.judges.witness import Answer, Item, Wanted, Witness, carried
from simulation.outside.database import ARCHIVE, DELETIONS, REGISTERS

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
    stamp: tuple[int, str] = (0, "")
    """When it was written, by its author or the service: comparable."""
    carries: str = ""
    """Of an add: what the item carries after it, as ``carried`` says it."""

    @property
    def action(self) -> str:
        """As it is shown."""
        return self.kind.rpartition(".")[2]


class Journal(Struct, frozen=True):
    """What the database holds of one line."""

    head: int
    """0: there is nothing."""
    rows: tuple[Row, ...]
    """Of this list, and of those of its name that were deleted before."""
    listed: frozenset[Item]
    ends: tuple[int, ...] = ()
    """The last revisions of lists of its name that were deleted."""

    def list_at(self, revision: int) -> frozenset[Item]:
        """Return the list as the history makes it."""
        items: dict[str, str] = {}
        for row in self.rows:
            if row.revision > revision:
                break
            if row.kind == ADD:
                items[row.content_id] = row.carries
            else:
                items.pop(row.content_id, None)
            if row.revision in self.ends and row.revision < revision:
                items.clear()
        return frozenset(items.items())


class JournalFile:
    """Reads the database by itself, on a connection that ``connect`` returns."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._opened: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._connect()
        return self._opened

    def heads(self) -> dict[str, int]:
        """Return where each line stands that has revisions."""
        return dict(self._connection.execute("SELECT user_id, revision FROM heads WHERE revision > 0"))

    def read(self, line: str) -> Journal:
        """Return all that it holds of a line."""
        execute = self._connection.execute
        (head,) = execute("SELECT revision FROM heads WHERE user_id = ?", (line,)).fetchone() or (0,)
        columns = "revision, kind, content_id, device_id, operation_id, tags, timestamp, node, fields"
        found = execute(f"SELECT {columns} FROM {ARCHIVE} WHERE user_id = ? ORDER BY revision", (line,))  # noqa: S608 - constants
        rows = tuple(Row(*(*row[:6], row[6:8], _shown_in(row[8]))) for row in found)
        ends = execute(f"SELECT revision FROM {DELETIONS} WHERE user_id = ?", (line,))  # noqa: S608 - a constant
        return Journal(head, rows, self.listed(line), tuple(revision for (revision,) in ends))

    def listed(self, line: str) -> frozenset[Item]:
        """Return a list."""
        entries = self._connection.execute("SELECT DISTINCT content_id, fields FROM entries WHERE user_id = ?", (line,))
        return frozenset((content_id, _carried_in(fields)) for content_id, fields in entries)

    def online(self, now_ms: int) -> set[tuple[str, str]]:
        """Return who is connected to a node whose word holds: users and devices."""
        found = self._connection.execute(
            "SELECT user_id, device_id FROM presence JOIN leases USING (node) WHERE ends_ms >= ?", (now_ms,)
        )
        return set(found)

    def registers(self, line: str) -> RegisterVersions:
        """Return all that it holds of a line of registers."""
        execute = self._connection.execute
        (head,) = execute("SELECT revision FROM heads WHERE user_id = ?", (line,)).fetchone() or (0,)
        columns = "revision, key, members"
        rows = execute(f"SELECT {columns} FROM {REGISTERS} WHERE user_id = ? ORDER BY revision", (line,))  # noqa: S608 - constants
        versions = (Version(revision, key, _members_in(members)) for revision, key, members in rows)
        return RegisterVersions(head, tuple(versions))

    def close(self) -> None:
        """Close it; it is opened again when it is needed."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def judge(witness: Witness, line: str, journal: Journal) -> Iterator[str]:
    """Yield everything about this line that breaks the promise, at the end."""
    yield from judge_for_now(witness, line, journal)
    for operation_id, wanted in _wanted(witness, line).items():
        key = user_in(line), operation_id
        if key not in witness.answers and key not in witness.lost:
            yield f"{operation_id} ({wanted.action} {wanted.content_id}) was never answered"


def judge_for_now(witness: Witness, line: str, journal: Journal) -> Iterator[str]:
    """Yield everything about this line that breaks the promise, while some writes are not decided."""
    wanted = _wanted(witness, line)
    yield from _revisions(line, journal)
    yield from _deletions(witness, line, journal)
    yield from _answers(witness, line, wanted, journal)
    yield from judge_shown(witness, line, journal)
    yield from _add_wins(witness, line, wanted, journal)
    yield from _latest_words(wanted, journal)
    yield from _foreign(witness, line, journal)
    ended = [journal.rows[-1].revision + 1] if journal.rows and not journal.head else []
    if journal.listed != journal.list_at(*ended or [journal.head]):
        yield "the list is not what its history makes it"


def _wanted(witness: Witness, line: str) -> dict[str, Wanted]:
    """Return the writes to this line, by operation id."""
    return {
        operation_id: wanted
        for (owner, operation_id), wanted in witness.wanted.items()
        if line_of(owner, wanted.list) == line
    }


def _revisions(line: str, journal: Journal) -> Iterator[str]:
    """There are no gaps, but where a list was deleted: another of its name goes on from a later revision."""
    revisions = [row.revision for row in journal.rows]
    is_list, last = SEPARATOR in line, revisions[-1] if revisions else 0
    if (
        any(
            after <= before + 1 if before in journal.ends else after != before + 1
            for before, after in pairwise(revisions)
        )
        or (revisions and not is_list and revisions[0] != 1)
        or journal.head != (0 if last in journal.ends else last)
    ):
        yield f"revisions have a gap: {revisions} up to {journal.head}, lists having ended at {journal.ends}"
    ids = [row.operation_id for row in journal.rows if row.operation_id is not None]
    if len(ids) != len(set(ids)):
        yield "an operation is in the journal twice"


def _deletions(witness: Witness, line: str, journal: Journal) -> Iterator[str]:
    asked, done = witness.deletions.get(line, (0, 0))
    if not done <= len(journal.ends) <= asked:
        yield f"the list was deleted {len(journal.ends)} times: {asked} were asked for, and {done} acknowledged"


def _answers(witness: Witness, line: str, wanted: dict[str, Wanted], journal: Journal) -> Iterator[str]:
    recorded = {row.operation_id: row for row in journal.rows}
    for operation_id, write in wanted.items():
        answer = witness.answers.get((user_in(line), operation_id))
        if answer is not None:
            yield from _answer(operation_id, write, answer, recorded.get(operation_id))


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


def judge_shown(witness: Witness, line: str, journal: Journal) -> Iterator[str]:
    """Yield whatever somebody was shown of this line that is not so."""
    rows = {row.revision: row for row in journal.rows}
    for (owner, revision), shown in witness.shown.items():
        if owner != line:
            continue
        row = rows.get(revision)
        if row is None:
            yield f"revision {revision} was shown and is not in the journal"
        elif (row.action, row.content_id, row.carries) != shown:
            yield f"revision {revision} was shown as {shown}, and the journal holds {row}"
    for (owner, revision), items in witness.snapshots.items():
        if owner == line and items != journal.list_at(revision):
            yield f"the list shown at revision {revision} is not the list at that revision"


def _add_wins(witness: Witness, line: str, wanted: dict[str, Wanted], journal: Journal) -> Iterator[str]:
    """An add is outlived only by a remove whose author had seen it, or had written it, or by the list."""
    latest: dict[str, Row] = {}
    for row in journal.rows:
        if row.kind == ADD:
            latest[row.content_id] = row
        elif (add := latest.pop(row.content_id, None)) is None:
            yield f"revision {row.revision} removes what was not there"
        elif not _is_named(witness, line, add) and not any(
            _had_seen(remove, operation_id, row, add)
            for operation_id, remove in wanted.items()
            if remove.action == "remove" and remove.content_id == row.content_id
        ):
            yield f"revision {row.revision} removed revision {add.revision}, which nobody who removed it had seen"
        if row.revision in journal.ends:
            latest.clear()


def _latest_words(wanted: dict[str, Wanted], journal: Journal) -> Iterator[str]:
    """An item carries the latest word on each field since it is in the list."""
    words: dict[str, dict[str, tuple[tuple[int, str], Any]]] = {}
    for row in journal.rows:
        if row.kind != ADD:
            words.pop(row.content_id, None)
        else:
            of_item = words.setdefault(row.content_id, {})
            says = wanted[row.operation_id].says if row.operation_id in wanted else {}
            for name, value in says.items():
                of_item[name] = max(of_item.get(name, ((-1, ""), None)), (row.stamp, value), key=itemgetter(0))
            expected = carried({name: value for name, (_, value) in of_item.items()})
            if row.carries != expected:
                yield f"revision {row.revision} carries {row.carries}, and the latest words are {expected}"
        if row.revision in journal.ends:
            words.clear()


def _foreign(witness: Witness, line: str, journal: Journal) -> Iterator[str]:
    """A foreign publisher's add has no operation id: its tag makes it one, however many nodes take it in.

    Its remove takes the tags that it names, and no others.
    """
    seen: set[str] = set()
    for row in journal.rows:
        if row.operation_id is not None:
            continue
        if row.kind != ADD:
            removes = witness.foreign_removes.get((line, row.content_id), [])
            if not any(named.issuperset(json.loads(row.tags)) for named in removes):
                yield f"revision {row.revision} removes {row.tags}, which nobody has named together"
            continue
        (tag,) = json.loads(row.tags)
        if witness.foreign.get((line, tag)) != row.content_id:
            yield f"revision {row.revision} is nobody's"
        if tag in seen:
            yield f"revision {row.revision} adds {tag} again"
        seen.add(tag)


def _is_named(witness: Witness, line: str, add: Row) -> bool:
    """Return whether a foreign publisher that had seen ``add`` has removed it: alone, or others' tags then the rest."""
    tags = json.loads(add.tags)
    return any(not named.isdisjoint(tags) for named in witness.foreign_removes.get((line, add.content_id), []))


def _had_seen(wanted: Wanted, operation_id: str, row: Row, add: Row) -> bool:
    """Return whether a remove may have taken ``add``; another remove may have taken a part before ``row`` the rest."""
    if wanted.observed is None or wanted.observed >= add.revision:
        return True
    is_own = add.operation_id is not None and add.operation_id.partition(".")[0] == wanted.author
    return is_own or (operation_id == row.operation_id and add.device_id == row.device_id)


def _carried_in(fields: str | None) -> str:
    """Return what ``entries.fields`` says: of each field the value, behind it when and where it was written."""
    return "" if fields is None else carried({name: value for name, (value, *_) in json.loads(fields).items()})


def _shown_in(fields: str | None) -> str:
    """Return what ``operations.fields`` says."""
    return "" if fields is None else carried(json.loads(fields))


def _members_in(members: str) -> dict[str, tuple[Any, Stamp]]:
    """Return what ``registers.members`` says: of each its value, and when and where it was written."""
    return {name: (value, (packed, node)) for name, (value, packed, node) in json.loads(members).items()}
