"""The journal's reads: one of each user at a time, users in turn; heads are read together for all who ask.

A user who reads page after page takes processor time from those who write, whichever process reads. So while writers
wait, such a user rests after each read, in proportion to what it took, and has a twentieth of the reader's time at
most. A device that comes back and is shown a list does not rest: otherwise one user's writes could keep everybody
else's devices waiting.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar, assert_never

from actors.errors import StatementRefused, StoreUnavailable
from actors.journal.answering import tell_answer
from actors.journal.reading_time import ReadingTime
from actors.journal.refusals import Refusals
from actors.journal.user_turns import MAX_WAITING_OF_USER, UserTurns
from actors.messages.collections import kind_of, line_of
from actors.messages.devices import FindDevices, ReadDevices
from actors.messages.failures import JOURNAL_UNAVAILABLE, ReadFailed, ReadRefused
from actors.messages.journal_reads import HeadsLoaded, LoadHeads, ReadChanges, ReadPage, ReadSnapshotPage
from actors.messages.lists import ReadLists
from actors.messages.registers import ReadRegister
from actors.messages.store import (
    FindChanges,
    FindHeads,
    FindLists,
    FindPage,
    FindRegister,
    FindSnapshotPage,
    HeadsFound,
)
from actors.metrics import JournalMetrics
from actors.ports import StoreClient

MAX_UNDER_WAY: Final = 4
"""Reads handed to the store at once, so that it need not wait for the event loop between two; one while it fails."""

MAX_SHARING: Final = 500
"""Requests that share one read of heads. Each is for one user, but for the comparison of heads, which is for 500."""

_UNAVAILABLE: Final = ReadFailed(JOURNAL_UNAVAILABLE)
_TOO_MANY: Final = ReadRefused(f"{MAX_WAITING_OF_USER} reads of this user wait already")

Read = ReadChanges | ReadPage | ReadSnapshotPage | ReadLists | ReadDevices | ReadRegister

R = TypeVar("R")

logger = logging.getLogger(__name__)


class ReadTurns:
    """Part of the ``Journal``: the reads under way, and those whose user's turn has not come.

    Thread: the event loop.

    Args:
        store: reads.
        metrics: counted into.
        refusals: told of statements that were refused.
        do_writers_wait: whether there is more to write than the store can take.
    """

    def __init__(
        self, store: StoreClient, metrics: JournalMetrics, refusals: Refusals, do_writers_wait: Callable[[], bool]
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._refusals = refusals
        self._do_writers_wait = do_writers_wait
        self._under_way: set[asyncio.Future[Any]] = set()
        self._turns: UserTurns[Read] = UserTurns()
        self._heads: list[LoadHeads] = []
        self._are_heads_under_way = False
        self._finished_s = 0.0
        """When the last read finished, on the loop's clock: the reader does one after the other."""
        self._reading = ReadingTime()
        self._resting: set[Read] = set()
        """The last read of each user who rests."""
        self._may_rest = True

    @property
    def under_way(self) -> set[asyncio.Future[Any]]:
        """The reads under way, of all users."""
        return self._under_way

    def add(self, message: Read) -> None:
        """Take ``message`` in; ``send`` begins it when its turn comes."""
        if not self._turns.add(message):
            self._metrics.reads_refused += 1
            tell_answer(message.reply_to, _TOO_MANY, self._metrics)

    def add_heads(self, message: LoadHeads) -> None:
        """Take ``message`` in; it shares a read with all that have come by then."""
        self._heads.append(message)

    def send(self) -> None:
        """Begin what may begin."""
        if self._heads and not self._are_heads_under_way:
            self._send_heads()
        limit = MAX_UNDER_WAY if self._metrics.unreadable is None else 1
        while self._turns and len(self._under_way) < limit:
            self._send_read(self._turns.begin())

    def let_nobody_rest(self) -> None:
        """End all rests, and begin no more; ``send`` begins what waited for them."""
        self._may_rest = False
        resting, self._resting = self._resting, set()
        for message in resting:
            self._turns.end(message)

    def _send_heads(self) -> None:
        asked, self._heads = self._heads[:MAX_SHARING], self._heads[MAX_SHARING:]
        self._are_heads_under_way = True
        found = self._store.read(FindHeads(tuple([line for message in asked for line in message.lines])))
        self._under_way.add(found)
        found.add_done_callback(partial(self._finish_heads, asked))

    def _finish_heads(self, asked: list[LoadHeads], found: "asyncio.Future[HeadsFound]") -> None:
        self._under_way.remove(found)
        self._are_heads_under_way = False
        self._finished_s = asyncio.get_running_loop().time()
        answer = self._result(found)
        self.send()
        heads = None if isinstance(answer, ReadFailed) else iter(answer.heads)
        for message in asked:
            mine = None if heads is None else tuple(islice(heads, len(message.lines)))
            tell_answer(message.reply_to, HeadsLoaded(mine), self._metrics)

    def _send_read(self, message: Read) -> None:
        if not isinstance(message, ReadLists):
            self._metrics.reads[kind_of(message.collection)] += 1
        found = self._ask(message)
        self._under_way.add(found)
        found.add_done_callback(partial(self._finish_read, message, asyncio.get_running_loop().time()))

    def _ask(self, message: Read) -> asyncio.Future[Any]:
        match message:
            case ReadChanges(revision=revision, limit=limit, epoch=epoch, prefers_list=prefers_list):
                return self._store.read(FindChanges(_line_of(message), revision, limit, epoch, prefers_list))
            case ReadPage(limit=limit, after=after, state=state):
                return self._store.read(FindPage(_line_of(message), limit, after, state))
            case ReadSnapshotPage(limit=limit, after=after):
                return self._store.read(FindSnapshotPage(_line_of(message), limit, after))
            case ReadLists(user_id=user_id):
                return self._store.read(FindLists(user_id))
            case ReadDevices(user_id=user_id):
                return self._store.read(FindDevices(user_id))
            case ReadRegister(key=key):
                return self._store.read(FindRegister(_line_of(message), key))
            case _:
                assert_never(message)

    def _finish_read(self, message: Read, began_s: float, found: asyncio.Future[Any]) -> None:
        self._under_way.remove(found)
        answer = self._result(found)
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        took_s = now_s - max(began_s, self._finished_s)
        self._finished_s = now_s
        is_to_rest = self._may_rest and self._do_writers_wait()
        if is_to_rest and (rest_s := self._reading.add(message.user_id, took_s, now_s)):
            self._metrics.rests += 1
            self._resting.add(message)
            loop.call_later(rest_s, self._end_rest, message)
        else:
            self._turns.end(message)
        self.send()
        tell_answer(message.reply_to, answer, self._metrics)

    def _end_rest(self, message: Read) -> None:
        if message in self._resting:
            self._resting.remove(message)
            self._turns.end(message)
            self.send()

    def _result(self, found: asyncio.Future[R]) -> R | ReadFailed:
        try:
            answer = found.result()
        except StoreUnavailable as error:
            self._note_unavailable(error)
            return _UNAVAILABLE
        except Exception:
            self._metrics.errors += 1
            logger.exception("the journal could not be read")
            return ReadFailed("the journal could not be read")
        if self._metrics.unreadable is not None:
            logger.info("the journal can be read again")
            self._metrics.unreadable = None
        return answer

    def _note_unavailable(self, error: StoreUnavailable) -> None:
        self._metrics.failures += 1
        if isinstance(error, StatementRefused):
            self._refusals.note(error)
        if self._metrics.unreadable is None:  # once per outage
            logger.error("the journal cannot be read: %s", error)
        else:  # whoever waits would only wait for the same
            self._refuse_waiting()
        self._metrics.unreadable = str(error)

    def _refuse_waiting(self) -> None:
        heads, self._heads = self._heads, []
        reads = self._turns.clear()
        for asked in heads:
            tell_answer(asked.reply_to, HeadsLoaded(None), self._metrics)
        for message in reads:
            tell_answer(message.reply_to, _UNAVAILABLE, self._metrics)


def _line_of(message: ReadChanges | ReadPage | ReadSnapshotPage | ReadRegister) -> str:
    return line_of(message.user_id, message.collection)
