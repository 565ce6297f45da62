"""The journal's writes: what is told while transactions are under way goes into the next one together."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Final

from msgspec import Struct, structs

from actors.errors import StoreUnavailable, ValueRefused
from actors.journal.answering import tell_answer
from actors.journal.writability import Writability
from actors.messages.collections import parts_of
from actors.messages.failures import JOURNAL_UNAVAILABLE
from actors.messages.journal import Commit, Committed, Outcome, Settled, Status
from actors.messages.store import BatchCommitted, CommitBatch
from actors.metrics import JournalMetrics
from actors.ports import StoreClient
from actors.runtime.tell import Tell

MAX_BATCH: Final = 128
"""Commits in one transaction at most: beyond it a batch gains little, and the first writer waits longer."""

MIN_BATCH: Final = 8
"""What waits is not divided into fewer: a transaction of its own would cost them more than the wait."""

MAX_GATHERED_OF_USER: Final = 2 * MAX_BATCH
"""Commits of one user that others wait behind: a bulk, or a flood, is two batches at a time."""

MAX_HELD_OF_USER: Final = 10_000
"""Commits of one user that wait behind those, each of which costs memory: an author answered later has given up."""

MAX_UNDER_WAY: Final = 2
"""Transactions handed to the store at once, so that it need not wait for the event loop between two."""

RETRY_AFTER_S: Final = 2.0
"""What writers are asked to wait while the store is unavailable."""

_UNAVAILABLE: Final = Outcome(status=Status.REFUSED, reason=JOURNAL_UNAVAILABLE, retry_after_s=RETRY_AFTER_S)
_TOO_MANY: Final = Outcome(
    status=Status.REFUSED,
    reason=f"more than {MAX_HELD_OF_USER} writes of this user wait already",
    retry_after_s=RETRY_AFTER_S,
)
_NEVER: Final = Outcome(status=Status.REFUSED, reason="the journal could not take this operation")
_NOT_NOW: Final = structs.replace(_NEVER, retry_after_s=RETRY_AFTER_S)

logger = logging.getLogger(__name__)


class _Before(Struct, eq=False):
    """The commits that were added before a barrier, and after the one before it."""

    unanswered: int = 0
    reply_to: Tell[Settled] | None = None
    """Who is to be told when they are answered; ``None``: the barrier has not come yet."""


class _Pending(Struct, frozen=True, eq=False):
    """A commit that is not answered yet."""

    commit: Commit
    before: _Before
    user_id: str

    @property
    def line(self) -> str:
        """What it changes."""
        return self.commit.operation.line


Batch = Sequence[_Pending]


class _Transaction(Struct, frozen=True, eq=False):
    """One that is under way."""

    lines: frozenset[str]
    """What it changes."""
    is_in_outage: bool
    """It was begun after another had failed."""


class GroupCommit:
    """Part of the ``Journal``: the transactions under way, and what has been told meanwhile.

    A line's operations are committed in the order told: while one of them is under way, the line's others wait. What is
    unanswered is divided between two transactions, so that the store works on one while the event loop answers another.

    Thread: the event loop.

    Args:
        store: commits a batch; one that raises is halved until the operation that raises is alone.
        metrics: counted into.
        writability: told of every transaction, whether it worked.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics, writability: Writability) -> None:
        self._store = store
        self._metrics = metrics
        self._writability = writability
        self._gathered: list[_Pending] = []
        self._gathered_of: dict[str, int] = {}
        """User -> how many are gathered, or under way; never 0."""
        self._held: dict[str, deque[_Pending]] = {}
        """User -> what is beyond ``MAX_GATHERED_OF_USER`` of these, never empty; gathered as those are answered."""
        self._refused: set[str] = set()
        """Users of whom too much was held, until half of it is gone: no write slips in between refused ones."""
        self._halves: deque[Batch] = deque()
        """Halves of batches that raised; they go before what was gathered."""
        self._under_way: dict[asyncio.Future[BatchCommitted], _Transaction] = {}
        self._unanswered = 0
        self._barriers = deque([_Before()])

    @property
    def under_way(self) -> set[asyncio.Future[BatchCommitted]]:
        """The transactions under way."""
        return set(self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether the store has as many transactions as it is handed: whoever writes now has to wait for one."""
        return len(self._under_way) == MAX_UNDER_WAY

    def add(self, commit: Commit) -> None:
        """Gather ``commit`` for the next transaction; ``send`` begins it."""
        user_id = parts_of(commit.operation.line)[0]
        of_user = self._gathered_of.get(user_id, 0)
        if of_user >= MAX_GATHERED_OF_USER and self._is_refused(user_id):
            self._metrics.writes_refused += 1
            tell_answer(commit.reply_to, Committed((commit,), (_TOO_MANY,), None), self._metrics)
            return
        before = self._barriers[-1]
        before.unanswered += 1
        pending = _Pending(commit, before, user_id)
        if of_user >= MAX_GATHERED_OF_USER:
            self._held.setdefault(user_id, deque()).append(pending)
            return
        self._gathered_of[user_id] = of_user + 1
        self._unanswered += 1
        self._gathered.append(pending)

    def _is_refused(self, user_id: str) -> bool:
        held = len(self._held.get(user_id, ()))
        if held >= MAX_HELD_OF_USER:
            self._refused.add(user_id)
        elif held <= MAX_HELD_OF_USER // 2:
            self._refused.discard(user_id)
        return user_id in self._refused

    def _release(self, batch: Batch) -> None:
        """Gather a held commit of the same user for each in ``batch``, which is about to be answered."""
        gathered_of, held_of = self._gathered_of, self._held
        for pending in batch:
            user_id = pending.user_id
            if held_of and (held := held_of.get(user_id)):
                self._gathered.append(held.popleft())
                self._unanswered += 1
                if not held:
                    del held_of[user_id]
                    self._refused.discard(user_id)
            elif of_user := gathered_of[user_id] - 1:
                gathered_of[user_id] = of_user
            else:
                del gathered_of[user_id]

    def settle(self, reply_to: Tell[Settled]) -> None:
        """Tell ``reply_to`` once every commit added before is answered."""
        self._barriers[-1].reply_to = reply_to
        self._barriers.append(_Before())
        self._tell_settled()

    def send(self) -> None:
        """Begin what may begin."""
        while len(self._under_way) < MAX_UNDER_WAY and (batch := self._next_batch()):
            committed = self._store.write(CommitBatch(tuple([pending.commit.operation for pending in batch])))
            lines = frozenset([pending.line for pending in batch])
            self._under_way[committed] = _Transaction(lines, self._metrics.unavailable is not None)
            committed.add_done_callback(partial(self._finish, batch))

    def _next_batch(self) -> Batch:
        if self._halves:  # one after the other, and alone: they are few, and may be of the same users
            return () if self._under_way else self._halves.popleft()
        gathered = self._gathered
        if not gathered:
            return ()
        size = min(max((self._unanswered + 1) // 2, MIN_BATCH), MAX_BATCH)
        if not self._under_way:
            batch, self._gathered = gathered[:size], gathered[size:]
            return batch
        busy = frozenset(chain.from_iterable(transaction.lines for transaction in self._under_way.values()))
        free: list[_Pending] = []
        others: list[_Pending] = []
        for pending in gathered[: 2 * MAX_BATCH]:  # of more, one user's flood may be most
            is_free = len(free) < size and pending.line not in busy
            (free if is_free else others).append(pending)
        self._gathered = others + gathered[2 * MAX_BATCH :]
        return free

    def _finish(self, batch: Batch, committed: "asyncio.Future[BatchCommitted]") -> None:
        transaction = self._under_way.pop(committed)
        outcomes: Sequence[Outcome]
        epoch: str | None = None
        try:
            done = committed.result()
        except StoreUnavailable as error:
            # In an outage whoever waits would only be told the same later. And a line's later operations must not
            # overtake this one, which its author will repeat.
            batch = [*batch, *self._give_up(None if transaction.is_in_outage else transaction.lines)]
            self._writability.note_failure(error)
            outcomes = (_UNAVAILABLE,) * len(batch)
        except Exception as error:  # noqa: BLE001 - one operation must not take the others with it
            if len(batch) > 1:
                self._halve(batch)
                return
            outcomes = (self._refusal(error),)
        else:
            self._note_committed(done)
            outcomes, epoch = done.outcomes, done.epoch
        self._release(batch)
        self.send()  # the store works on while those of this batch are told
        self._answer(batch, outcomes, epoch)

    def _give_up(self, lines: frozenset[str] | None) -> list[_Pending]:
        """Remove all that waits of ``lines`` (``None``: of all lines), and return it in order."""

        def is_given_up(pending: _Pending) -> bool:
            return lines is None or pending.line in lines

        def is_kept(pending: _Pending) -> bool:
            return not is_given_up(pending)

        held = list(filter(is_given_up, chain.from_iterable(self._held.values())))
        for pending in held:
            self._gathered_of[pending.user_id] += 1
        self._unanswered += len(held)
        given_up = [*filter(is_given_up, chain(*self._halves, self._gathered)), *held]
        self._gathered = list(filter(is_kept, self._gathered))
        self._halves = deque(half for batch in self._halves if (half := list(filter(is_kept, batch))))
        self._held = {
            user_id: kept for user_id, pendings in self._held.items() if (kept := deque(filter(is_kept, pendings)))
        }
        self._refused &= self._held.keys()
        return given_up

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

    def _answer(self, batch: Batch, outcomes: Sequence[Outcome], epoch: str | None) -> None:
        """Answer each ``reply_to`` once."""
        answers: dict[Tell[Committed], tuple[list[Commit], list[Outcome]]] = {}
        for pending, outcome in zip(batch, outcomes, strict=True):
            commits, answered = answers.setdefault(pending.commit.reply_to, ([], []))
            commits.append(pending.commit)
            answered.append(outcome)
            pending.before.unanswered -= 1
        for reply_to, (commits, answered) in answers.items():
            tell_answer(reply_to, Committed(tuple(commits), tuple(answered), epoch), self._metrics)
        self._unanswered -= len(batch)
        self._tell_settled()

    def _tell_settled(self) -> None:
        while not (first := self._barriers[0]).unanswered and first.reply_to is not None:
            self._barriers.popleft()
            tell_answer(first.reply_to, Settled(), self._metrics)

    def _note_committed(self, done: BatchCommitted) -> None:
        self._metrics.transactions += 1
        self._metrics.operations += len(done.outcomes)
        self._metrics.last_batch = len(done.outcomes)
        self._metrics.commit_seconds += done.seconds
        self._metrics.list_edits["add", "created"] += sum([outcome.begins_list for outcome in done.outcomes])
        self._writability.note_success()
