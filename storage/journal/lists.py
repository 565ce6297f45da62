"""A user's lists beside the watchlist: created by their first add, named, deleted, and told."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from sqlalchemy import Dialect, bindparam, delete, func, select, text, update

from actors.messages.collections import PROGRESS, collection_of_list, line_of, list_in, parts_of
from actors.messages.journal import AnyOperation, Operation
from actors.messages.lists import ListDeleted, ListPut, Lists, ListSummary
from actors.messages.registers import RegisterOperation
from storage.databases.database import Transaction
from storage.databases.statements import Statement
from storage.journal.answers import AnswerKeeping, read_answers
from storage.journal.list_parts import drop_part
from storage.journal.loading import lock_heads
from storage.journal.reads import read_heads
from storage.rules.bounds import Bounds, lists_bound
from storage.rules.list_journal import JournalHead
from storage.schema.rows import head_of
from storage.schema.rows_in import padded, places
from storage.schema.tables import contexts, entries, heads, lists, operations

_OF_USER: Final = lists.c.user_id == bindparam("of_user")
_OF_USER_AND_LIST: Final = _OF_USER, lists.c.list == bindparam("of_list")

# As text: both databases know this syntax, but SQLAlchemy has a different construct for each of them.
_CREATE_HEADS: Final = Statement(
    text(
        "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)"
        " VALUES (:line, 0, 1, 0, 0, '') ON CONFLICT DO NOTHING"
    )
)
# It goes on from where a list of that name may have ended: whoever has seen that one must not take this for it.
_CREATE_HEAD_OF_LIST: Final = Statement(
    text(
        "INSERT INTO heads (user_id, revision, first_revision, minted, clock, clock_node)"
        " SELECT :line, deleted_revision, deleted_revision + 1, deleted_revision, 0, ''"
        " FROM heads WHERE user_id = :user_id"
    )
)
_CREATE_LIST: Final = Statement(text("INSERT INTO lists (user_id, list, title) VALUES (:user_id, :list, :title)"))
_COUNT: Final = Statement(select(func.count()).select_from(lists).where(_OF_USER), "of_user")
_ALL: Final = Statement(select(lists.c.list, lists.c.title).where(_OF_USER).order_by(lists.c.list), "of_user")
_RENAME: Final = Statement(
    update(lists).where(*_OF_USER_AND_LIST).values(title=bindparam("new_title")), "of_user", "of_list", "new_title"
)
_FORGET: Final = Statement(delete(lists).where(*_OF_USER_AND_LIST), "of_user", "of_list")
_FORGET_HEAD: Final = Statement(delete(heads).where(heads.c.line == bindparam("of_line")), "of_line")
_EMPTY: Final = [
    Statement(delete(table).where(table.c.line == bindparam("of_line")), "of_line")
    for table in (entries, contexts, operations)
]
"""All that is in a list; its head goes last."""
_NOTE_DELETED: Final = Statement(
    update(heads)
    .where(heads.c.line == bindparam("of_user"), heads.c.deleted_revision < bindparam("at"))
    .values(deleted_revision=bindparam("new_at")),
    "of_user",
    "at",
    "new_at",
)


@cache
def _there(size: int) -> Statement:
    return Statement(select(heads.c.line).where(heads.c.line.in_(places(size))))


def compile_creating(dialect: Dialect) -> None:
    """Compile what ``create_lines`` executes for new users."""
    _CREATE_HEADS.compiled(dialect)


def create_lines(transaction: Transaction, batch: Sequence[AnyOperation], bounds: Bounds) -> list[str] | None:
    """Create the heads that lines of ``batch`` lack: every user's own, those of registers, and of lists with an add.

    Return the lines of the lists that were created; ``drop_lists`` is for those whose adds are all refused. A list is
    not created if its user may have no more of them, if each add is a repetition, or if something is only removed from
    it: then the lock of its user's own head keeps others from creating it. ``None``: another node has created one
    meanwhile, and this transaction has to end, as it may not lock that now.
    """
    user_ids = {parts_of(operation.line)[0] for operation in batch}
    registers = {operation.line for operation in batch if isinstance(operation, RegisterOperation)}
    transaction.execute_many(_CREATE_HEADS, [(line,) for line in sorted(user_ids | registers)])
    of_lists = [one for one in batch if isinstance(one, Operation) and list_in(one.line)]
    if not of_lists:
        return []
    adds = [one for one in of_lists if one.change.action == "add"]
    ids = [(operation.line, name) for operation in adds if (name := operation.change.operation_id) is not None]
    answered = {(line, operation_id) for line, operation_id, _ in read_answers(transaction, ids)}
    new = {operation.line for operation in adds if (operation.line, operation.change.operation_id) not in answered}
    # All at once and in one order, as ``load`` does: who holds one of them must not wait for another behind it.
    locked = _locked(transaction, {operation.line for operation in batch} | user_ids)
    missing = {operation.line for operation in of_lists} - locked.keys()
    if missing and _are_there(transaction, missing):
        return None
    created: list[str] = []
    for line in sorted(missing & new):
        user_id, list_id = parts_of(line)[0], list_in(line) or ""
        if _count(transaction, user_id) < bounds.lists_per_user:
            _create(transaction, user_id, list_id, title=list_id)
            created.append(line)
    return created


def drop_lists(transaction: Transaction, lines: Iterable[str]) -> None:
    """Undo that ``create_lines`` has made the lists of these ``lines``, in the same transaction."""
    for line in lines:
        transaction.execute(_FORGET_HEAD, (line,))
        transaction.execute(_FORGET, (parts_of(line)[0], list_in(line)))


def put_list(transaction: Transaction, user_id: str, list_id: str, title: str, bounds: Bounds) -> ListPut:
    """Give the list its title, and create it if there is none."""
    line = line_of(user_id, collection_of_list(list_id))
    transaction.execute(_CREATE_HEADS, (user_id,))
    is_new = _locked_list(transaction, user_id, line) is None
    if not is_new:
        transaction.execute(_RENAME, (user_id, list_id, title))
    elif _count(transaction, user_id) < bounds.lists_per_user:
        _create(transaction, user_id, list_id, title)
    else:
        return ListPut(problem=str(lists_bound(bounds)))
    (head,) = read_heads(transaction, (line,))
    return ListPut(is_new=is_new, revision=head.revision, epoch=head.epoch)


def delete_list(
    transaction: Transaction, user_id: str, list_id: str, now_ms: int, answers: AnswerKeeping
) -> ListDeleted:
    """Delete all that there is of the list but the answers to its operations, or a part if it is long.

    Cost: O(``DROPPED_AT_ONCE``).
    """
    line = line_of(user_id, collection_of_list(list_id))
    head = _locked_list(transaction, user_id, line)
    if head is None:
        return ListDeleted(None)
    if (shorter := drop_part(transaction, line, head, now_ms, answers)) is not None:
        return ListDeleted(shorter.revision, has_more=True)
    revision = head.revision + 1
    answers.keep_dropped(transaction, line, range(head.first_revision, revision), now_ms)
    for statement in (*_EMPTY, _FORGET_HEAD):
        transaction.execute(statement, (line,))
    transaction.execute(_FORGET, (user_id, list_id))
    transaction.execute(_NOTE_DELETED, (user_id, revision, revision))
    return ListDeleted(revision)


def read_lists(transaction: Transaction, user_id: str) -> Lists:
    """Return the user's lists, by their names, and where the rest stands."""
    titles = transaction.execute(_ALL, (user_id,)).fetchall()
    lines = [line_of(user_id, collection_of_list(list_id)) for list_id, _ in titles]
    watchlist, progress, *others = read_heads(transaction, [user_id, line_of(user_id, PROGRESS), *lines])
    return Lists(
        epoch=watchlist.epoch,
        watchlist=watchlist.revision,
        progress=progress.revision,
        lists=tuple(
            ListSummary(list=list_id, name=title, revision=head.revision)
            for (list_id, title), head in zip(titles, others, strict=True)
        ),
    )


def _locked(transaction: Transaction, lines: set[str]) -> dict[str, JournalHead]:
    wanted = padded(sorted(lines))
    return {row[0]: head_of(row) for row in transaction.execute(lock_heads(len(wanted)), wanted).fetchall()}


def _locked_list(transaction: Transaction, user_id: str, line: str) -> JournalHead | None:
    """Lock the user's own head and that of a list, in the order of all, and return the list's; ``None``: there is none.

    In two statements: whoever creates or deletes lists has locked the first head, and only a later statement sees what
    was done while that lock was waited for.
    """
    _locked(transaction, {user_id})
    return _locked(transaction, {line}).get(line)


def _are_there(transaction: Transaction, lines: set[str]) -> bool:
    """Return whether one of ``lines`` has a head: it may have come while others were waited for."""
    wanted = padded(sorted(lines))
    return bool(transaction.execute(_there(len(wanted)), wanted).fetchall())


def _count(transaction: Transaction, user_id: str) -> int:
    ((count,),) = transaction.execute(_COUNT, (user_id,)).fetchall()
    return int(count)


def _create(transaction: Transaction, user_id: str, list_id: str, title: str) -> None:
    transaction.execute(_CREATE_HEAD_OF_LIST, (line_of(user_id, collection_of_list(list_id)), user_id))
    transaction.execute(_CREATE_LIST, (user_id, list_id, title))
