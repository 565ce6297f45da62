"""The journal's actor: one thread between everybody who writes and the one store that is the truth."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Never, TypeVar, assert_never

from pykka import ActorDeadError

from actors.errors import StatementRefused, StoreUnavailable, ValueRefused
from actors.messages.journal import (
    Commit,
    Committed,
    HeadsLoaded,
    JournalMessage,
    LoadHeads,
    Operation,
    Outcome,
    ReadChanges,
    ReadFailed,
    ReadPage,
    ReadSince,
    Status,
)
from actors.metrics import JournalMetrics
from actors.ports import JournalStore
from actors.runtime import BlockingActor
from actors.runtime.tell import Tell

MAX_BATCH = 512
"""Commits in one transaction at most: beyond it a batch gains little, and the first writer waits longer."""

RETRY_AFTER_S = 2.0
"""What writers are asked to wait while the store is unavailable."""

Read = ReadSince | ReadPage | ReadChanges

M = TypeVar("M")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Journal(BlockingActor):
    """Messages in: ``JournalMessage``. Messages out: to each message's ``reply_to`` what its type says.

    Group commit: commits are collected while the mailbox holds more, and go into the store in one transaction. Nobody
    is answered before it has committed. A read sees every commit told before it, and waits while there are others to
    commit. Nothing that a store, an operation or a ``reply_to`` raises ends the actor.

    Args:
        store: used on the actor's thread only, and closed by the actor.
        metrics: counted into.
        clock: seconds, for ``commit_seconds`` only.
    """

    def __init__(
        self, store: JournalStore, metrics: JournalMetrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__()
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._batch: list[Commit] = []
        self._head_reads: list[LoadHeads] = []
        self._reads: deque[Read] = deque()
        self._logged_refusal: str | None = None

    def on_receive(self, message: JournalMessage) -> None:
        """Collect; what is collected is done when the mailbox is empty or a batch is full."""
        match message:
            case Commit():
                self._batch.append(message)
            case LoadHeads():
                self._head_reads.append(message)
            case ReadSince() | ReadPage() | ReadChanges():
                self._reads.append(message)
            case _:  # pyright: ignore[reportUnnecessaryComparison] # it must not end the journal, whatever it is
                stranger: Never = message
                self._metrics.errors += 1
                logger.error("%s is no message for the journal", type(stranger).__name__)

    def on_stop(self) -> None:
        """Commit and answer what was told, then release the store."""
        self._flush()
        while self._head_reads or self._reads:
            self._answer_next()
        self._store.close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the store."""
        self._store.close()

    def _handle_receive(self, message: Any) -> Any:
        # Around Pykka's dispatch and not in ``on_receive``, which does not see a proxy's calls: were one of those the
        # last message in the mailbox, the batch before it would wait for the next.
        try:
            return super()._handle_receive(message)
        finally:
            if self.actor_inbox.empty():
                self._flush()
                while self._head_reads or self._reads:
                    self._answer_next()
                    if not self.actor_inbox.empty():  # writers first: a storm of readers must not hold them up
                        break
            elif len(self._batch) >= MAX_BATCH:
                self._flush()
                self._answer_next()  # and a flood of writers must not keep readers waiting for ever

    def _answer_next(self) -> None:
        """Answer all that ask where users stand in one read, or else the oldest of the others."""
        if self._head_reads:
            self._answer_heads()
        elif self._reads:
            self._answer(self._reads.popleft())

    def _answer_heads(self) -> None:
        asked, self._head_reads = self._head_reads, []
        user_ids = [user_id for message in asked for user_id in message.user_ids]
        answer = self._read(lambda: self._store.heads(user_ids))
        heads = None if isinstance(answer, ReadFailed) else iter(answer)
        for message in asked:
            mine = None if heads is None else tuple(islice(heads, len(message.user_ids)))
            self._tell(message.reply_to, HeadsLoaded(mine))

    def _answer(self, message: Read) -> None:
        store, user_id = self._store, message.user_id
        match message:
            case ReadSince(revision=revision, epoch=epoch):
                self._tell(message.reply_to, self._read(lambda: store.since(user_id, revision, epoch)))
            case ReadPage(limit=limit, after=after):
                self._tell(message.reply_to, self._read(lambda: store.page(user_id, limit, after)))
            case ReadChanges(revision=revision, limit=limit, epoch=epoch):
                self._tell(message.reply_to, self._read(lambda: store.changes(user_id, revision, limit, epoch)))
            case _:
                assert_never(message)

    def _flush(self) -> None:
        """Commit the batch and answer each ``reply_to`` once."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        outcomes = self._commit([commit.operation for commit in batch])
        answers: dict[Tell[Committed], tuple[list[Commit], list[Outcome]]] = {}
        for commit, outcome in zip(batch, outcomes, strict=True):
            commits, answered = answers.setdefault(commit.reply_to, ([], []))
            commits.append(commit)
            answered.append(outcome)
        for reply_to, (commits, answered) in answers.items():
            self._tell(reply_to, Committed(tuple(commits), tuple(answered)))

    def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        try:
            outcomes = self._in_one_transaction(operations)
        except StoreUnavailable as error:
            self._note_unavailable(error)
            refused = Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=RETRY_AFTER_S)
            return [refused] * len(operations)
        except Exception as error:  # noqa: BLE001 - one operation must not take the others with it
            return self._commit_around(operations, error)
        self._metrics.transactions += 1
        self._metrics.operations += len(operations)
        self._metrics.last_batch = len(operations)
        self._note_available()
        return outcomes

    def _in_one_transaction(self, operations: Sequence[Operation]) -> list[Outcome]:
        began = self._clock()
        try:
            return self._store.commit(operations)
        finally:
            self._metrics.commit_seconds += self._clock() - began

    def _commit_around(self, operations: Sequence[Operation], error: Exception) -> list[Outcome]:
        """Halve the batch until the operation that raises is alone: a dozen transactions, not one for each."""
        if len(operations) > 1:
            middle = len(operations) // 2
            return self._commit(operations[:middle]) + self._commit(operations[middle:])
        reason = "the journal could not take this operation"
        if isinstance(error, ValueRefused):  # final: the device drops its change
            logger.warning("an operation can never be committed: %s", error)
            return [Outcome(status=Status.REFUSED, reason=reason)]
        self._metrics.errors += 1
        logger.error("an operation could not be committed", exc_info=error)
        return [Outcome(status=Status.REFUSED, reason=reason, retry_after_s=RETRY_AFTER_S)]

    def _read(self, read: Callable[[], T]) -> T | ReadFailed:
        try:
            answer = read()
        except StoreUnavailable as error:
            self._note_unavailable(error)
            return ReadFailed("the journal is unavailable")
        except Exception:
            self._metrics.errors += 1
            logger.exception("the journal could not be read")
            return ReadFailed("the journal could not be read")
        self._note_available()
        return answer

    def _tell(self, reply_to: Tell[M], message: M) -> None:
        try:
            reply_to(message)
        except ActorDeadError:
            logger.info("%s: whoever asked is gone", type(message).__name__)
        except Exception:  # the others still wait for theirs
            self._metrics.errors += 1
            logger.exception("%s could not be delivered", type(message).__name__)

    def _note_unavailable(self, error: StoreUnavailable) -> None:
        self._metrics.failures += 1
        if isinstance(error, StatementRefused):
            self._note_refusal(error)
        if self._metrics.unavailable is None:  # once per outage, however many writes it refuses
            logger.error("the journal is unavailable: %s", error)
        self._metrics.unavailable = str(error)

    def _note_refusal(self, error: StatementRefused) -> None:
        self._metrics.errors += 1
        if self._logged_refusal != str(error):  # a stack once, however many statements it refuses
            logger.error("the database refused a statement: its schema was changed, or it is a defect", exc_info=error)
            self._logged_refusal = str(error)

    def _note_available(self) -> None:
        if self._metrics.unavailable is not None:
            logger.info("the journal is available again")
            self._metrics.unavailable = None
