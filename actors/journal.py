"""The journal's actor: one thread between everybody who writes and the one store that is the truth."""

import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar, assert_never

from pykka import ActorDeadError

from actors.journal_messages import (
    Commit,
    Committed,
    HeadsLoaded,
    JournalMessage,
    LoadHeads,
    Operation,
    Outcome,
    ReadFailed,
    ReadSince,
    ReadSnapshot,
    Status,
    Tell,
)
from actors.ports import JournalStore, StoreUnavailable
from actors.runtime import BlockingActor

MAX_BATCH = 512
"""Commits in one transaction at most: beyond it a batch gains little, and the first writer waits longer."""

RETRY_AFTER_S = 2.0
"""What writers are asked to wait while the store is unavailable."""

M = TypeVar("M")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class JournalMetrics:
    """What the journal counts. Thread: the journal's writes, any reads."""

    def __init__(self) -> None:
        self.transactions = 0
        self.operations = 0
        """Answered by those transactions."""
        self.last_batch = 0
        """Operations in the latest transaction."""
        self.commit_seconds = 0.0
        """Spent in transactions, failed ones included."""
        self.failures = 0
        """Times that the store was unavailable."""
        self.errors = 0
        """Operations, reads and replies that failed by a defect of ours."""
        self.unavailable: str | None = None
        """Why the latest use of the store failed; ``None``: it worked."""


class Journal(BlockingActor):
    """Messages in: ``JournalMessage``. Messages out: to each message's ``reply_to`` what its type says.

    Group commit: commits are collected while the mailbox holds more, and go into the store in one transaction. Nobody
    is answered before it has committed. A read sees every commit told before it. Nothing that a store, an operation or
    a ``reply_to`` raises ends the actor.

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

    def on_receive(self, message: JournalMessage) -> None:
        """Collect a commit, or answer a read after what was told before it."""
        try:
            self._handle(message)
        except Exception:
            self._metrics.errors += 1
            logger.exception("%s skipped", type(message).__name__)

    def _handle(self, message: JournalMessage) -> None:
        match message:
            case Commit():
                self._batch.append(message)
                if len(self._batch) >= MAX_BATCH:
                    self._flush()
            case LoadHeads(user_ids=user_ids, reply_to=reply_to):
                heads = self._read(lambda: tuple(self._store.heads(user_ids)))
                self._tell(reply_to, HeadsLoaded(None if isinstance(heads, ReadFailed) else heads))
            case ReadSince(user_id=user_id, revision=revision, epoch=epoch, reply_to=reply_since):
                self._tell(reply_since, self._read(lambda: self._store.since(user_id, revision, epoch)))
            case ReadSnapshot(user_id=user_id, reply_to=reply_snapshot):
                self._tell(reply_snapshot, self._read(lambda: self._store.snapshot(user_id)))
            case _:
                assert_never(message)

    def on_stop(self) -> None:
        """Commit what was told, then release the store."""
        self._flush()
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
            return self._commit_around_the_defect(operations, error)
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

    def _commit_around_the_defect(self, operations: Sequence[Operation], error: Exception) -> list[Outcome]:
        """Halve the batch until the operation that raises is alone: a dozen transactions, not one for each."""
        if len(operations) == 1:
            self._metrics.errors += 1
            logger.error("an operation could not be committed", exc_info=error)
            return [Outcome(status=Status.REFUSED, reason="the journal could not take this operation")]
        middle = len(operations) // 2
        return self._commit(operations[:middle]) + self._commit(operations[middle:])

    def _read(self, read: Callable[[], T]) -> T | ReadFailed:
        self._flush()
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
        if self._metrics.unavailable is None:  # once per outage, however many writes it refuses
            logger.error("the journal is unavailable: %s", error)
        self._metrics.unavailable = str(error)

    def _note_available(self) -> None:
        if self._metrics.unavailable is not None:
            logger.info("the journal is available again")
            self._metrics.unavailable = None
