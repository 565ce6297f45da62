"""The journal's writes of who is online, a transaction each, beside the commits."""

import asyncio
import logging
from functools import partial
from typing import Any, Final

from actors.errors import StatementRefused, StoreUnavailable
from actors.journal.answering import tell_answer
from actors.journal.writability import Writability
from actors.messages.devices import PresenceEnded, PresenceNoted, WritePresence
from actors.messages.failures import JOURNAL_UNAVAILABLE, WriteFailed
from actors.metrics import JournalMetrics
from actors.ports import StoreClient

logger = logging.getLogger(__name__)

_UNAVAILABLE: Final = WriteFailed(JOURNAL_UNAVAILABLE)


class PresenceWrites:
    """Part of the ``Journal``. Thread: the event loop.

    Args:
        store: does them.
        metrics: counted into.
        writability: told of every transaction, whether it worked.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics, writability: Writability) -> None:
        self._store = store
        self._metrics = metrics
        self._writability = writability
        self._under_way: set[asyncio.Future[Any]] = set()

    @property
    def under_way(self) -> set[asyncio.Future[Any]]:
        """The transactions under way."""
        return set(self._under_way)

    def begin(self, message: WritePresence) -> None:
        """Hand ``message`` to the store at once: ``Presence`` has one of these under way at a time."""
        done: asyncio.Future[Any] = self._store.write(message.request)
        self._under_way.add(done)
        done.add_done_callback(partial(self._finish, message))

    def _finish(self, message: WritePresence, done: asyncio.Future[Any]) -> None:
        self._under_way.remove(done)
        tell_answer(message.reply_to, self._result(done), self._metrics)

    def _result(self, done: asyncio.Future[Any]) -> PresenceNoted | PresenceEnded | WriteFailed:
        try:
            answer: PresenceNoted | PresenceEnded = done.result()
        except StatementRefused as error:
            self._writability.note_failure(error)
        except StoreUnavailable:
            pass  # it waits for locks only briefly: that it could not be written need not be an outage
        except Exception:
            self._metrics.errors += 1
            logger.exception("who is online could not be written")
        else:
            self._writability.note_presence()
            return answer
        return _UNAVAILABLE
