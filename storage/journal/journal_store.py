"""The journal on SQLite or PostgreSQL: ``actors.ports.JournalStore``.

About epochs. A database gets a random epoch when it is created, so an emptied or replaced database is recognised
whatever its revisions are. A *restored backup* keeps its epoch: a device that had seen more than the backup holds is
recognised by its revision, but only until new writes have passed it. Nothing in a restored database shows that it was
restored, so ``renew_epoch`` has to be run before the service starts again. A SQLite database that lacks what was
acknowledged on its machine is refused: its high-water mark shows it. A PostgreSQL server that was promoted shows it
itself: ``storage.schema.promotion``.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from actors.errors import StoreUnavailable
from actors.messages.journal import AnyOperation, Outcome
from actors.messages.journal_reads import Bookmark, Changes, ChangesExpired, Head, Page, PageExpired, RegisterPage
from actors.messages.lists import ListDeleted, ListPut, Lists
from actors.messages.registers import RegisterFound
from storage.databases.database import DEFAULT_LOCK_TIMEOUT_S, Database, Transaction
from storage.journal.answers import AnswerKeeping
from storage.journal.commit import commit
from storage.journal.history import DEFAULT_HISTORY, HistoryLimits
from storage.journal.listing import read_page
from storage.journal.lists import delete_list, put_list, read_lists
from storage.journal.reads import read_changes, read_epoch, read_heads
from storage.journal.registers import read_register
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds
from storage.schema.promotion import EpochQuery, Promoted, renew_if_promoted
from storage.schema.version import bring_up_to_date

R = TypeVar("R")

MAX_TRIES: Final = 10
"""How often a commit that is to create a list is tried: another node may create and delete it between two tries."""


def open_store(
    database_url: str,
    *,
    now_ms: Callable[[], int],
    history: HistoryLimits = DEFAULT_HISTORY,
    bounds: Bounds = DEFAULT_BOUNDS,
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S,
) -> "SqlJournalStore":
    """Open the journal's database, creating or migrating its tables first; a SQLite file is made private.

    Args:
        database_url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        now_ms: the wall clock, milliseconds since 1970; decides only how long history is kept.
        history: how much of it is kept.
        bounds: what a user may make grow.
        lock_timeout_s: how long a write may wait for another process before it is ``StoreUnavailable``.

    Raises:
        SchemaTooNew: a newer release has migrated the database.
        StoreUnavailable: the database does not answer.
        ValueError: the URL names no SQLite or PostgreSQL database.

    Thread: any; the store may then be used from another.
    """
    database = Database(database_url, lock_timeout_s)
    try:
        bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return SqlJournalStore(database, now_ms, history, bounds)


class SqlJournalStore:
    """``actors.ports.JournalStore``, which documents every method, in SQL; made by ``open_store``."""

    def __init__(
        self,
        database: Database,
        now_ms: Callable[[], int],
        history: HistoryLimits = DEFAULT_HISTORY,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._database = database
        self._now_ms = now_ms
        self._history = history
        self._bounds = bounds
        self._answers = AnswerKeeping(history.min_answer_age_ms)
        self.epoch: str | None = None
        """The epoch of the latest write."""

    def commit(self, operations: Sequence[AnyOperation]) -> list[Outcome]:
        """Apply ``operations`` in order in one transaction; one outcome each, same order."""
        if not operations:
            return []
        outcomes = self._commit_all(operations)
        self._note_latest(outcomes)
        return outcomes

    def heads(self, lines: Sequence[str]) -> list[Head]:
        """Return each line's head, same order."""
        with self._database.transaction(writing=False) as transaction:
            return read_heads(transaction, lines)

    def page(
        self, line: str, limit: int, after: Bookmark | None, state: str | None = None
    ) -> Page | RegisterPage | PageExpired:
        """Return up to ``limit`` items, those that follow ``after``."""
        with self._database.transaction(writing=False) as transaction:
            return read_page(transaction, line, limit, after, state)

    def changes(
        self, line: str, revision: int, limit: int, epoch: str | None, *, prefers_list: bool = False
    ) -> Changes | ChangesExpired:
        """Return up to ``limit`` updates after ``revision``, or why not."""
        with self._database.transaction(writing=False) as transaction:
            return read_changes(transaction, line, revision, limit, epoch, prefers_list=prefers_list)

    def register(self, line: str, key: str) -> RegisterFound:
        """Return one key of a ``line`` that is registers."""
        with self._database.transaction(writing=False) as transaction:
            return RegisterFound(read_register(transaction, line, key))

    def lists(self, user_id: str) -> Lists:
        """Return the user's lists."""
        with self._database.transaction(writing=False) as transaction:
            return read_lists(transaction, user_id)

    def put_list(self, user_id: str, list_id: str, title: str) -> ListPut:
        """Name a list, and create it if there is none."""
        return self._write(lambda transaction: put_list(transaction, user_id, list_id, title, self._bounds))

    def delete_list(self, user_id: str, list_id: str) -> ListDeleted:
        """Delete a list, or of a long one a part."""
        return self._write(
            lambda transaction: delete_list(transaction, user_id, list_id, self._now_ms(), self._answers)
        )

    def check(self) -> None:
        """Read one row."""
        with self._database.transaction(writing=False) as transaction:
            read_epoch(transaction)

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._database.close()

    def _commit_all(self, operations: Sequence[AnyOperation]) -> list[Outcome]:
        for _ in range(MAX_TRIES):
            for create_heads in (False, True):
                outcomes = self._commit(operations, create_heads=create_heads)
                if outcomes is not None:
                    return outcomes
        raise StoreUnavailable("other nodes create and delete the same lists all the time")

    def _note_latest(self, outcomes: Sequence[Outcome]) -> None:
        mark = self._database.high_water_mark
        latest = next((outcome.shown for outcome in reversed(outcomes) if outcome.is_new), None)
        if mark is not None and latest is not None:
            mark.raise_to(latest.line, latest.revision)

    def _commit(self, operations: Sequence[AnyOperation], *, create_heads: bool) -> list[Outcome] | None:
        return self._write(
            lambda transaction: commit(
                transaction,
                operations,
                self._now_ms(),
                self._history,
                self._answers,
                self._bounds,
                create_heads=create_heads,
            )
        )

    def _write(self, do: Callable[[Transaction], R]) -> R:
        """Return what ``do`` returns in a transaction; if the database was promoted, its epoch is renewed before."""
        try:
            return self._write_on(do)
        except Promoted:
            renew_if_promoted(self._database)
            return self._write_on(do)

    def _write_on(self, do: Callable[[Transaction], R]) -> R:
        """Do it, if the server is still on the timeline of the epoch. Raises: Promoted, it is not."""
        with self._database.transaction(writing=True) as transaction:
            epoch_query = EpochQuery(transaction, tells_timeline=self._database.tells_timeline)
            done = do(transaction)
            self.epoch = epoch_query.epoch()
            return done
