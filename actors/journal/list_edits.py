"""The journal's writes that are no operations, a transaction each: what lists there are, and who is online."""

import asyncio
import logging
from functools import partial
from typing import Any

from actors.errors import StatementRefused, StoreUnavailable
from actors.journal.answering import tell_answer
from actors.journal.writability import Writability
from actors.messages.devices import WritePresence
from actors.messages.failures import WriteFailed
from actors.messages.lists import DeleteList, ListDeleted, ListEdit, ListEditOutcome, ListPut, PutList
from actors.messages.store import DropList, NameList
from actors.metrics import JournalMetrics
from actors.ports import StoreClient

logger = logging.getLogger(__name__)


class ListEdits:
    """Part of the ``Journal``. Thread: the event loop.

    Args:
        store: does them, behind the commits that it was handed before.
        metrics: counted into.
        writability: told of every transaction, whether it worked.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics, writability: Writability) -> None:
        self._store = store
        self._metrics = metrics
        self._writability = writability
        self.under_way: set[asyncio.Future[Any]] = set()

    def begin(self, message: PutList | DeleteList | WritePresence) -> None:
        """Hand ``message`` to the store."""
        done: asyncio.Future[Any]
        match message:
            case PutList(user_id=user_id, list=list_id, name=name):
                done = self._store.write(NameList(user_id, list_id, name))
            case DeleteList(user_id=user_id, list=list_id):
                done = self._store.write(DropList(user_id, list_id))
            case WritePresence(request=request):
                done = self._store.write(request)
        self.under_way.add(done)
        done.add_done_callback(partial(self._finish, message))

    def _finish(self, message: PutList | DeleteList | WritePresence, done: "asyncio.Future[Any]") -> None:
        self.under_way.remove(done)
        match self._result(message, done):
            case ListDeleted(has_more=True):
                self.begin(message)  # behind what was handed to the store meanwhile
            case answer:
                if not isinstance(message, WritePresence):
                    self._metrics.list_edits[_edit(message, answer)] += 1
                tell_answer(message.reply_to, answer, self._metrics)

    def _result(self, message: PutList | DeleteList | WritePresence, done: asyncio.Future[Any]) -> Any:
        try:
            answer = done.result()
        except StoreUnavailable as error:
            # Who is online is not waited with for long: that it could not be written need not be an outage.
            if not isinstance(message, WritePresence) or isinstance(error, StatementRefused):
                self._writability.note_failure(error)
        except Exception:
            self._metrics.errors += 1
            logger.exception("lists, or who is online, could not be written")
        else:
            self._writability.note_success()
            return answer
        return WriteFailed("the journal is unavailable")


def _edit(
    message: PutList | DeleteList, answer: ListPut | ListDeleted | WriteFailed
) -> tuple[ListEdit, ListEditOutcome]:
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
