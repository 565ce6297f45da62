"""The journal's writes: what is told while a transaction is under way goes into the next one together."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Final

from msgspec import structs

from actors.errors import StatementRefused, StoreUnavailable, ValueRefused
from actors.journal.answering import tell_answer
from actors.journal.refusals import Refusals
from actors.messages.journal import Commit, Committed, Outcome, Settled, Status
from actors.messages.store import BatchCommitted, CommitBatch
from actors.metrics import JournalMetrics
from actors.ports import StoreClient
from actors.runtime.tell import Tell

MAX_BATCH: Final = 128
"""Commits in one transaction at most: beyond it a batch gains little, and the first writer waits longer."""

RETRY_AFTER_S: Final = 2.0
"""What writers are asked to wait while the store is unavailable."""

_UNAVAILABLE: Final = Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=RETRY_AFTER_S)
_NEVER: Final = Outcome(status=Status.REFUSED, reason="the journal could not take this operation")
_NOT_NOW: Final = structs.replace(_NEVER, retry_after_s=RETRY_AFTER_S)

Batch = Sequence[Commit]

logger = logging.getLogger(__name__)


class GroupCommit:
    """Part of the ``Journal``: one transaction under way at a time, and what has been told meanwhile.

    Thread: the event loop.

    Args:
        store: commits a batch; one that raises is halved until the operation that raises is alone.
        metrics: counted into.
        refusals: told of statements that were refused.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics, refusals: Refusals) -> None:
        self._store = store
        self._metrics = metrics
        self._refusals = refusals
        self._gathered: list[Commit] = []
        self._halves: deque[Batch] = deque()
        """Of a batch that raised; they go before what was gathered."""
        self._under_way: asyncio.Future[BatchCommitted] | None = None
        self._unanswered = 0
        self._answered = 0
        self._barriers: deque[tuple[int, Tell[Settled]]] = deque()
        """How many commits must have been answered before, and who is to be told."""

    @property
    def under_way(self) -> asyncio.Future[BatchCommitted] | None:
        """The transaction under way."""
        return self._under_way

    def add(self, commit: Commit) -> None:
        """Gather ``commit`` for the next transaction; ``send`` begins it."""
        self._gathered.append(commit)
        self._unanswered += 1

    def settle(self, reply_to: Tell[Settled]) -> None:
        """Tell ``reply_to`` once every commit added before is answered."""
        self._barriers.append((self._answered + self._unanswered, reply_to))
        self._tell_settled()

    def send(self) -> None:
        """Begin a transaction, unless one is under way or there is nothing to commit."""
        if self._under_way is not None:
            return
        if self._halves:
            batch = self._halves.popleft()
        elif self._gathered:
            batch, self._gathered = self._gathered[:MAX_BATCH], self._gathered[MAX_BATCH:]
        else:
            return
        self._under_way = self._store.write(CommitBatch(tuple([commit.operation for commit in batch])))
        self._under_way.add_done_callback(partial(self._finish, batch))

    def _finish(self, batch: Batch, committed: "asyncio.Future[BatchCommitted]") -> None:
        self._under_way = None
        outcomes: Sequence[Outcome]
        try:
            done = committed.result()
        except StoreUnavailable as error:
            if self._metrics.unavailable is not None:  # not the first time: whoever waits would only wait for the same
                batch = [*batch, *chain.from_iterable(self._halves), *self._gathered]
                self._halves.clear()
                self._gathered = []
            self._note_unavailable(error)
            outcomes = (_UNAVAILABLE,) * len(batch)
        except Exception as error:  # noqa: BLE001 - one operation must not take the others with it
            if len(batch) > 1:
                self._halve(batch)
                return
            outcomes = (self._refusal(error),)
        else:
            self._note_committed(done)
            outcomes = done.outcomes
        self.send()  # the store works on while those of this batch are told
        self._answer(batch, outcomes)

    def _refusal(self, error: Exception) -> Outcome:
        if isinstance(error, ValueRefused):  # final: the device drops its change
            logger.warning("an operation can never be committed: %s", error)
            return _NEVER
        self._metrics.errors += 1
        logger.error("an operation could not be committed", exc_info=error)
        return _NOT_NOW

    def _halve(self, batch: Batch) -> None:
        """Find the operation that raises in a dozen transactions, not in one for each."""
        middle = len(batch) // 2
        self._halves.extendleft((batch[middle:], batch[:middle]))
        self.send()

    def _answer(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Answer each ``reply_to`` once."""
        answers: dict[Tell[Committed], tuple[list[Commit], list[Outcome]]] = {}
        for commit, outcome in zip(batch, outcomes, strict=True):
            commits, answered = answers.setdefault(commit.reply_to, ([], []))
            commits.append(commit)
            answered.append(outcome)
        for reply_to, (commits, answered) in answers.items():
            tell_answer(reply_to, Committed(tuple(commits), tuple(answered)), self._metrics)
        self._answered += len(batch)
        self._unanswered -= len(batch)
        self._tell_settled()

    def _tell_settled(self) -> None:
        while self._barriers and self._barriers[0][0] <= self._answered:
            tell_answer(self._barriers.popleft()[1], Settled(), self._metrics)

    def _note_committed(self, done: BatchCommitted) -> None:
        self._metrics.transactions += 1
        self._metrics.operations += len(done.outcomes)
        self._metrics.last_batch = len(done.outcomes)
        self._metrics.commit_seconds += done.seconds
        if self._metrics.unavailable is not None:
            logger.info("the journal can be written again")
            self._metrics.unavailable = None

    def _note_unavailable(self, error: StoreUnavailable) -> None:
        self._metrics.failures += 1
        if isinstance(error, StatementRefused):
            self._refusals.note(error)
        if self._metrics.unavailable is None:  # once per outage, however many writes it refuses
            logger.error("the journal cannot be written: %s", error)
        self._metrics.unavailable = str(error)
