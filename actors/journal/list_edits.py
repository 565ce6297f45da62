"""The journal's edits of which lists a user has, and what they are called: a transaction each."""

import asyncio
import logging
from functools import partial
from typing import Any, Final

from actors.errors import StoreUnavailable
from actors.journal.answering import tell_answer
from actors.journal.user_turns import MAX_WAITING_OF_USER, UserTurns
from actors.journal.writability import Writability
from actors.messages.failures import JOURNAL_UNAVAILABLE, WriteFailed, WriteRefused
from actors.messages.lists import DeleteList, ListDeleted, ListEdit, ListEditOutcome, ListPut, PutList
from actors.messages.store import DropList, NameList
from actors.metrics import JournalMetrics
from actors.ports import StoreClient

logger = logging.getLogger(__name__)


Edit = PutList | DeleteList

MAX_UNDER_WAY: Final = 2
"""Edits handed to the store at once: each is a transaction, before all commits that come later. One while it fails."""

_UNAVAILABLE: Final = WriteFailed(JOURNAL_UNAVAILABLE)
_TOO_MANY: Final = WriteRefused(f"{MAX_WAITING_OF_USER} edits of this user's lists wait already")


class ListEdits:
    """Part of the ``Journal``: one edit of each user at a time, users in turn. Thread: the event loop.

    Args:
        store: does them, behind the commits that it was handed before.
        metrics: counted into.
        writability: told of every transaction, whether it worked.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics, writability: Writability) -> None:
        self._store = store
        self._metrics = metrics
        self._writability = writability
        self._turns: UserTurns[Edit] = UserTurns()
        self._edits: set[asyncio.Future[Any]] = set()

    @property
    def under_way(self) -> set[asyncio.Future[Any]]:
        """The transactions under way."""
        return set(self._edits)

    def add(self, message: Edit) -> None:
        """Take ``message`` in, and begin it when its turn comes."""
        if self._turns.add(message):
            self._send()
        else:
            self._metrics.list_edits_refused += 1
            self._answer(message, _TOO_MANY)

    def _send(self) -> None:
        limit = MAX_UNDER_WAY if self._metrics.unavailable is None else 1
        while self._turns and len(self._edits) < limit:
            self._begin(self._turns.begin())

    def _begin(self, message: Edit) -> None:
        done: asyncio.Future[Any]
        match message:
            case PutList(user_id=user_id, list=list_id, name=name):
                done = self._store.write(NameList(user_id, list_id, name))
            case DeleteList(user_id=user_id, list=list_id):
                done = self._store.write(DropList(user_id, list_id))
        self._edits.add(done)
        done.add_done_callback(partial(self._finish, message, self._metrics.unavailable is not None))

    def _finish(self, message: Edit, is_in_outage: bool, done: "asyncio.Future[Any]") -> None:
        self._edits.remove(done)
        answer = self._result(done)
        is_to_go_on = isinstance(answer, ListDeleted) and answer.has_more
        if is_to_go_on:
            self._turns.put_back(message)  # behind what was handed to the store meanwhile, and behind other users
        self._turns.end(message)
        if is_in_outage and self._metrics.unavailable is not None:  # whoever waits would only wait for the same
            for waiting in self._turns.clear():
                self._answer(waiting, _UNAVAILABLE)
        self._send()
        if not is_to_go_on:
            self._answer(message, answer)

    def _answer(self, message: Edit, answer: Any) -> None:
        self._metrics.list_edits[_outcome(message, answer)] += 1
        tell_answer(message.reply_to, answer, self._metrics)

    def _result(self, done: "asyncio.Future[ListPut | ListDeleted]") -> ListPut | ListDeleted | WriteFailed:
        try:
            answer = done.result()
        except StoreUnavailable as error:
            self._writability.note_failure(error)
        except Exception:
            self._metrics.errors += 1
            logger.exception("a user's lists could not be edited")
        else:
            self._writability.note_success()
            return answer
        return _UNAVAILABLE


def _outcome(message: Edit, answer: ListPut | ListDeleted | WriteFailed) -> tuple[ListEdit, ListEditOutcome]:
    """Return what was wanted, and what became of it."""
    edit: ListEdit = "put" if isinstance(message, PutList) else "delete"
    match answer:
        case ListPut(problem=None, is_new=is_new):
            return edit, "created" if is_new else "renamed"
        case ListPut():
            return edit, "quota_exceeded"
        case ListDeleted(revision=revision):
            return edit, "not_found" if revision is None else "deleted"
        case WriteFailed():
            return edit, "failed"
