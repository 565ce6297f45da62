"""One user's watchlist on this node: stamps writes, keeps the order of revisions, fills gaps.

This is step 1 in docs/architecture.md. The actor holds where the user's journal stands, not the list itself: a write
costs the same at ten and ten thousand items. It never waits for the journal: writes flow through, ``Committed`` comes
back in revision order, and that message relays, publishes and answers. Whatever reaches it by bus or by journal goes
through one ``RevisionLine``.
"""

import logging
from collections.abc import Callable, Iterable
from typing import assert_never

from msgspec import structs

from actors.messages.bus import Publish
from actors.messages.channel import HeadMoved, PubNubWatchlistUpdate
from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import (
    ConnectionInfo,
    ConsumerResumed,
    Deliver,
    Disconnect,
    Join,
    Joined,
    Leave,
    ReadOn,
    SlowConsumer,
)
from actors.messages.fanout import Register, Relay, RelayMissed, RelayPubNubMessage, Unregister
from actors.messages.journal import (
    Bookmark,
    Changes,
    ChangesExpired,
    Commit,
    Committed,
    DeviceWrite,
    HeadsLoaded,
    LoadHeads,
    Operation,
    Outcome,
    ReadChanges,
    ReadFailed,
    ReadSnapshotPage,
    Status,
    Update,
)
from actors.messages.watchlist import (
    ListRead,
    MissedRead,
    RemoteUpdate,
    RetireIfIdle,
    TryAgain,
    WatchlistMessage,
)
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import tell_later
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.replays import Position, Replays
from actors.watchlist.revision_line import RevisionLine, Step
from actors.watchlist.snapshots import SnapshotDeps, Snapshots
from crdt.hlc import ClockDriftError, HLCTimestamp, receive, tick

logger = logging.getLogger(__name__)


class WatchlistSync(SupervisedActor):
    """Messages in: ``WatchlistMessage``. Messages out: commits and reads, relays, publishes, registrations.

    Until the journal has said where the user stands, everything else waits.
    """

    def __init__(self, user_id: str, deps: WatchlistDeps, retired: Callable[[str], None]) -> None:
        super().__init__()
        self._user_id = user_id
        self._deps = deps
        self._retired = retired
        self._clock = HLCTimestamp(0, 0, deps.node)
        self._line = RevisionLine()
        self._connections: dict[ConnectionInfo, None] = {}
        """In the order in which they joined, which a set would not keep."""
        snapshot_deps = SnapshotDeps(
            read=self._read_list, head=lambda: self._line.head, fragments=deps.fragments, cursor_of=deps.cursor_of
        )
        self._snapshots = Snapshots(snapshot_deps, deps.slice_rows)
        self._replays = Replays(self._read_missed, deps.frame, self._snapshots.begin)
        self._uncommitted = 0
        self._waiting: list[WatchlistMessage] | None = []
        """What came before the head was known; ``None`` once it is."""
        self._is_healing = False

    def on_start(self) -> None:
        """Ask where the user stands."""
        self._reply_to = self.actor_ref.tell
        self._load_head()

    def on_receive(self, message: WatchlistMessage) -> None:
        """Take one message, or keep it until the head is known."""
        if self._waiting is not None and not isinstance(message, HeadsLoaded | TryAgain):
            self._waiting.append(message)
            return
        match message:
            case DeviceWrite():
                self._write(message)
            case Committed():
                self._committed(message)
            case RemoteUpdate(message=update):
                self._remote(update)
            case Join():
                self._join(message)
            case ReadOn(connection=connection, after=after):
                self._snapshots.read_on(connection, after)
            case MissedRead(answer=answer):
                self._replays.answered(answer)
                if isinstance(answer, Changes | ChangesExpired):
                    self._saw(answer.head, answer.epoch if isinstance(answer, Changes) else None)
            case ListRead(answer=answer):
                self._snapshots.answered(answer)
            case Leave(connection=connection):
                self._connections.pop(connection, None)
                self._replays.forget(connection)
                self._snapshots.forget(connection)
                self._deps.registry(Unregister(connection.connection_id))
            case SlowConsumer() | ConsumerResumed():
                self._deps.registry(message)
            case HeadMoved(revision=revision, epoch=epoch):
                self._saw(revision, epoch)
            case HeadsLoaded():
                self._head_loaded(message)
            case Changes() | ChangesExpired() | ReadFailed():
                self._healed(message)
            case TryAgain():
                self._try_again()
            case RetireIfIdle():
                self._retire_if_idle()
            case _:
                assert_never(message)

    # Writes

    def _write(self, write: DeviceWrite) -> None:
        try:
            stamp = self._stamp(write.change.timestamp)
        except ClockDriftError as error:
            self._answer(write, Outcome(status=Status.REFUSED, field="timestamp", reason=f"timestamp: {error}"))
            return
        operation = Operation(
            user_id=self._user_id,
            device_id=write.device_id,
            change=write.change,
            timestamp=stamp,
            removed_tags=write.removed_tags,
        )
        self._uncommitted += 1
        self._deps.journal(Commit(operation, self._reply_to, write, self._deps.now_s()))

    def _stamp(self, timestamp: HLCTimestamp | int | None) -> HLCTimestamp:
        """Return the author's own stamp, or one of ours. Raises: ClockDriftError, the author's is too far ahead."""
        if isinstance(timestamp, HLCTimestamp):
            self._follow_clock(timestamp)
            return timestamp
        self._clock = tick(self._clock, self._deps.now_ms(), self._deps.node)
        return self._clock

    def _follow_clock(self, timestamp: HLCTimestamp) -> None:
        self._clock = receive(self._clock, timestamp, self._deps.now_ms(), self._deps.max_clock_drift_ms)

    def _committed(self, committed: Committed) -> None:
        self._uncommitted -= len(committed.commits)
        decided = list(zip(committed.commits, committed.outcomes, strict=True))
        for commit, outcome in decided:
            if commit.write is not None and commit.write.trace is not None:
                revision, is_new = outcome.revision, outcome.is_new
                self._deps.tracer.commit(commit.write.trace, revision, outcome.status, is_new=is_new)
        updates = [outcome.update for outcome in committed.outcomes if outcome.is_new and outcome.update]
        self._advance(updates, committed.epoch)
        if self._deps.publisher is not None:
            for update in updates:
                self._deps.publisher(Publish(self._user_id, update, committed.epoch))
        now_s, metrics = self._deps.now_s(), self._deps.write_metrics
        for commit, outcome in decided:
            metrics.commit_latency.observe(now_s - commit.accepted_s)
            metrics.count(outcome)
            if commit.write is not None:
                self._answer(commit.write, outcome)
            if outcome.revision is not None:  # a repeated write may be the first word of a revision of another node
                self._line.see(outcome.revision, committed.epoch)
        self._heal_if_behind()

    def _answer(self, write: DeviceWrite, outcome: Outcome) -> None:
        if write.trace is not None:
            self._deps.tracer.passed(write.trace.at(outcome.revision), "answered", status=outcome.status)
        if write.answer is not None:
            write.answer(outcome)
        elif outcome.status is Status.REFUSED:  # nobody waits: it came by the channel
            self._deps.bus_metrics.refused["not_taken"] += 1
            logger.warning("a foreign publisher's operation was refused: %s", outcome.reason)

    # Revisions

    def _advance(self, updates: Iterable[Update], epoch: str | None) -> None:
        """Show the devices those of the ``updates`` committed here that are next."""
        due = tuple(update for update in updates if self._is_next(update.revision, epoch))
        if due and self._has_audience:
            self._deps.broadcaster(Relay(self._user_id, due))
        self._heal_if_behind()

    @property
    def _has_audience(self) -> bool:
        """Whether a relay is worth its cost: not without a device here, a bus, and a trace that would show it."""
        return bool(self._connections) or self._deps.publisher is not None or self._deps.tracer.is_following

    def _remote(self, message: PubNubWatchlistUpdate) -> None:
        if isinstance(message.timestamp, HLCTimestamp):
            try:
                self._follow_clock(message.timestamp)
            except ClockDriftError as error:
                logger.warning("the clock of node %s is not followed: %s", message.origin, error)
        revision = message.revision or 0
        if message.traceparent is not None and message.origin != self._deps.node:
            self._deps.tracer.receive(message.traceparent, self._user_id, revision, message.origin or "")
        if self._is_next(revision, message.epoch):
            self._deps.broadcaster(RelayPubNubMessage(self._user_id, message))
        self._heal_if_behind()

    def _is_next(self, revision: int, epoch: str | None) -> bool:
        step = self._line.arrive(revision, epoch)
        if step is Step.OLD:
            self._deps.bus_metrics.duplicates += 1
        return step is Step.NEXT

    def _saw(self, revision: int, epoch: str | None) -> None:
        self._line.see(revision, epoch)
        self._heal_if_behind()

    def _heal_if_behind(self) -> None:
        if self._line.is_behind and not self._is_healing:
            self._is_healing = True
            self._line.begin_look()
            self._ask_for_missing()

    def _ask_for_missing(self) -> None:
        """Ask for a slice of what follows the last revision that passed."""
        line = self._line
        self._deps.journal(ReadChanges(self._user_id, line.head, self._deps.slice_rows, self._reply_to, line.epoch))

    def _healed(self, answer: Changes | ChangesExpired | ReadFailed) -> None:
        match answer:
            case Changes(head=head):
                self._relay_missed(answer)
                if answer.has_more:
                    self._ask_for_missing()
                    return
                self._looked(head)
            case ChangesExpired(reason=reason, head=head):
                self._looked(head)
                if reason == "epoch_changed":
                    self._begin_again()
                    return
                self._line.jump(head)
                for connection in self._connections:  # each asks for itself
                    connection.tell(Deliver(head + 1, ()))
            case ReadFailed(reason=reason):
                logger.warning("a gap stays open for %s s: %s", self._deps.retry_s, reason)
                self._line.fail_look()
                tell_later(self._deps.retry_s, self.actor_ref, TryAgain())
                return
        self._is_healing = False
        self._heal_if_behind()

    def _relay_missed(self, changes: Changes) -> None:
        """Show the devices those of ``changes`` that are next."""
        first = changes.revision - len(changes.updates) + 1
        due = tuple(one for number, one in enumerate(changes.updates, first) if self._is_next(number, changes.epoch))
        if due and self._has_audience:
            self._deps.broadcaster(RelayMissed(self._user_id, due))

    def _begin_again(self) -> None:
        """Take the journal as it is now: the revisions here are void. Devices ask for it by a new socket."""
        for connection in self._connections:
            connection.tell(Disconnect(TRY_AGAIN_LATER))
        self._snapshots.forget_parts()
        self._is_healing, self._waiting = False, []
        self._load_head()

    def _looked(self, head: int) -> None:
        metrics = self._deps.bus_metrics
        if self._line.end_look(head):
            metrics.gaps_healed += 1
        else:  # forged, where no bus key prevents that, or from before a restore
            metrics.refused["unconfirmed"] += 1

    # Connections

    def _join(self, join: Join) -> None:
        connection = join.connection
        self._connections[connection] = None
        self._deps.registry(Register(connection))  # before the read, so that nothing falls between
        if join.since is None:
            connection.tell(Joined(self._line.head))
            return
        self._replays.wait(join)

    def _read_missed(self, position: Position) -> None:
        tell, rows, (since, epoch, pieces) = self._reply_to, self._deps.slice_rows, position
        self._deps.journal(ReadChanges(self._user_id, since, rows, lambda read: tell(MissedRead(read)), epoch, pieces))

    def _read_list(self, after: Bookmark | None, rows: int) -> None:
        tell = self._reply_to
        self._deps.journal(ReadSnapshotPage(self._user_id, rows, lambda answer: tell(ListRead(answer)), after))

    # Life

    def _load_head(self) -> None:
        self._deps.journal(LoadHeads((self._user_id,), self._reply_to))

    def _head_loaded(self, loaded: HeadsLoaded) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        if loaded.heads is None:
            self._refuse_writes(waiting)
            tell_later(self._deps.retry_s, self.actor_ref, TryAgain())
            return
        (head,) = loaded.heads
        self._line = RevisionLine(head.revision, head.epoch or None)
        self._clock = structs.replace(head.clock, node=self._deps.node)
        self._waiting = None
        for message in waiting:
            self.on_receive(message)

    def _refuse_writes(self, waiting: list[WatchlistMessage]) -> None:
        """Nobody should wait for a database that is away; connections may."""
        refusal = Outcome(status=Status.REFUSED, reason="the journal is unavailable", retry_after_s=self._deps.retry_s)
        for message in waiting:
            if isinstance(message, DeviceWrite):
                self._answer(message, refusal)
        waiting[:] = [message for message in waiting if not isinstance(message, DeviceWrite)]

    def _try_again(self) -> None:
        if self._waiting is not None:
            self._load_head()
        else:
            self._is_healing = False
            self._heal_if_behind()

    def _retire_if_idle(self) -> None:
        if self._connections or self._uncommitted or self._is_healing or not self.actor_inbox.empty():
            return
        self._retired(self._user_id)
        self.stop()
