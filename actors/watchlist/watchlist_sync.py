"""One user's collections on this node: stamps writes, and hands each message to the collection that it is about.

This is step 1 in docs/architecture.md. A write costs the same at ten and ten thousand items. The actor never waits for
the journal: writes flow through, ``Committed`` comes back in revision order, and that message relays, publishes and
answers.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, assert_never

from msgspec import structs

from actors.messages.bus import Publish, ShowLists
from actors.messages.change import AuthorStamp, data_problem
from actors.messages.channel import JOURNAL, HeadMoved, PubNubUpdate, PubNubWatchlistUpdate
from actors.messages.close_codes import FOLLOWS_TOO_MANY
from actors.messages.collections import WATCHLIST, kind_of, parts_of
from actors.messages.connection import ConsumerResumed, Disconnect, Join, Leave, ReadOn, SlowConsumer
from actors.messages.conversion import collection_of
from actors.messages.failures import JOURNAL_UNAVAILABLE
from actors.messages.fanout import UnregisterConnection
from actors.messages.journal import AnyOperation, Commit, Committed, DeviceWrite, Operation, Outcome, Status
from actors.messages.journal_reads import HeadsLoaded, LoadHeads
from actors.messages.registers import RegisterChange, RegisterOperation
from actors.messages.watchlist import (
    DevicesSeen,
    GapRead,
    HintsRead,
    ListRead,
    ListsChanged,
    LoadHeadsAgain,
    MissedRead,
    OfCollection,
    RemoteUpdate,
    RetireIfIdle,
    TryAgain,
    WatchlistMessage,
)
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import tell_later
from actors.watchlist.collection_sync import CollectionSync
from actors.watchlist.deps import WatchlistDeps
from crdt.hlc import ClockDriftError, HLCTimestamp, receive, tick

CROWD: Final = 64
"""With this many collections in use, those that nobody needs go at once and not at the next sweep: a user may name
thousands of lists in a second, and each takes 3 KB."""

MAX_WAITING_HINTS: Final = 1_000
"""Messages of other nodes that wait for a collection's head while the journal cannot be read: it has the rest."""

MAX_WAITING_WRITES: Final = 10_000
"""Of one user, that wait for heads: as many as may wait in the journal later, as each costs memory."""

logger = logging.getLogger(__name__)


class WatchlistSync(SupervisedActor):
    """Messages in: ``WatchlistMessage``. Messages out: commits and reads, relays, publishes, registrations.

    Until the journal has said where a collection stands, everything else of it waits.
    """

    def __init__(self, user_id: str, deps: WatchlistDeps, retired: Callable[[str], None]) -> None:
        super().__init__()
        self._user_id = user_id
        self._deps = deps
        self._retired = retired
        self._clock = HLCTimestamp(0, 0, deps.node)
        self._collections: dict[str, CollectionSync] = {}
        """Those in use here, and always the watchlist."""
        self._crowded_at = CROWD
        self._loads_again = False
        """``LoadHeadsAgain`` is to come."""
        self._waiting_writes = 0
        """How many wait for heads, of all collections."""

    def on_start(self) -> None:
        """Ask where the watchlist stands."""
        self._reply_to = self.actor_ref.tell
        self._watchlist = self._in_use(WATCHLIST)

    def on_receive(self, message: WatchlistMessage) -> None:
        """Take one message, or keep it until the head of its collection is known."""
        match message:
            case Leave(connection=connection):
                for collection in self._collections.values():
                    collection.leave(connection)
                self._deps.registry(UnregisterConnection(connection.connection_id))
            case SlowConsumer() | ConsumerResumed():
                self._deps.registry(message)
            case HeadsLoaded():
                self._heads_loaded(message)
            case TryAgain(collection=name):
                self._in_use(name).try_again()
            case LoadHeadsAgain():
                self._loads_again = False
                self._load_heads([one.line for one in self._collections.values() if one.waiting is not None])
            case RetireIfIdle():
                if self._watchlist.waiting is None:  # else the next sweep asks again: somebody may wait by then
                    self._retire_if_idle()
            case DeviceWrite() if self._is_one_too_many(message):
                self._refuse_one_too_many(message)
            case _:
                concerned = self._concerned(message)
                if concerned is None:
                    return
                if concerned.waiting is None:
                    self._receive(message, concerned)
                elif len(concerned.waiting) < MAX_WAITING_HINTS or not isinstance(message, RemoteUpdate | HeadMoved):
                    concerned.waiting.append(message)
                    self._waiting_writes += isinstance(message, DeviceWrite)

    def _concerned(self, message: OfCollection) -> CollectionSync | None:
        """Return the collection that ``message`` is about; ``None``: it is of no interest here."""
        match message:
            case Join(collection=name, connection=connection) if not self._may_follow(name):
                self._deps.write_metrics.refusals["followed_per_user"] += 1
                connection.tell(Disconnect(FOLLOWS_TOO_MANY))
                return None
            case DeviceWrite(collection=name) | Join(collection=name):
                return self._in_use(name)
            case Committed(commits=commits):
                return self._in_use(parts_of(commits[0].operation.line)[1])
            case RemoteUpdate(message=update):
                return self._collections.get(collection_of(update))
            case _:
                return self._collections.get(message.collection)

    def _receive(self, message: OfCollection, collection: CollectionSync) -> None:
        match message:
            case DeviceWrite():
                self._write(message, collection)
            case Committed():
                self._committed(message, collection)
            case RemoteUpdate(message=update):
                self._remote(update, collection)
            case Join():
                collection.join(message)
            case ReadOn(connection=connection, after=after):
                collection.read_on(connection, after)
            case MissedRead(answer=missed):
                collection.missed_read(missed)
            case ListRead(answer=page):
                collection.list_read(page)
            case GapRead(answer=gap):
                collection.healed(gap)
            case DevicesSeen(devices=devices):
                collection.devices_seen(devices)
            case ListsChanged():
                collection.lists_changed()
            case HintsRead(answer=found):
                collection.hints_read(found)
            case HeadMoved(revision=revision, epoch=epoch):
                collection.saw(revision, epoch)
                if message.origin == JOURNAL and collection is self._watchlist:
                    self._compare_others()
            case _:
                assert_never(message)

    # Writes

    def _write(self, write: DeviceWrite, collection: CollectionSync) -> None:
        try:
            stamp = self._stamp(write.change.timestamp)
        except ClockDriftError as error:
            self._answer(write, Outcome(status=Status.REFUSED, field="timestamp", reason=f"timestamp: {error}"))
            return
        operation: AnyOperation
        change = write.change
        is_stamped_here = change.timestamp is not stamp
        if change.timestamp is not None and is_stamped_here:  # a number, which may not fit in 64 bits
            change = structs.replace(change, timestamp=None)
        if isinstance(change, RegisterChange):
            operation = RegisterOperation(
                line=collection.line,
                device_id=write.device_id,
                change=change,
                timestamp=stamp,
                is_stamped_here=is_stamped_here,
            )
        elif change.data is not None and (problem := data_problem(change)):
            self._answer(write, Outcome(status=Status.REFUSED, field="data", reason=problem))
            return
        else:
            operation = Operation(
                line=collection.line,
                device_id=write.device_id,
                change=change,
                timestamp=stamp,
                is_stamped_here=is_stamped_here,
                removed_tags=write.removed_tags,
            )
        collection.uncommitted += 1
        self._deps.journal(Commit(operation, collection.reply_to, write, self._deps.now_s()))

    def _stamp(self, timestamp: AuthorStamp | None) -> HLCTimestamp:
        """Return the author's own stamp, or one of ours. Raises: ClockDriftError, the author's is too far ahead."""
        if isinstance(timestamp, HLCTimestamp):
            self._follow_clock(timestamp)
            return timestamp
        self._clock = tick(self._clock, self._deps.now_ms(), self._deps.node)
        return self._clock

    def _follow_clock(self, timestamp: HLCTimestamp) -> None:
        self._clock = receive(self._clock, timestamp, self._deps.now_ms(), self._deps.max_clock_drift_ms)

    def _committed(self, committed: Committed, collection: CollectionSync) -> None:
        """Relay, publish and answer what was committed of ``collection``."""
        collection.uncommitted -= len(committed.commits)
        decided = list(zip(committed.commits, committed.outcomes, strict=True))
        for commit, outcome in decided:
            if commit.write is not None and commit.write.trace is not None:
                revision, is_new = outcome.revision, outcome.is_new
                self._deps.tracer.commit(commit.write.trace, revision, outcome.status, is_new=is_new)
        updates = [update for outcome in committed.outcomes for update in outcome.news]
        collection.advance(updates, committed.epoch)
        if self._deps.publisher is not None:
            for update in updates:
                self._deps.publisher(Publish(self._user_id, update, committed.epoch))
        now_s, metrics = self._deps.now_s(), self._deps.write_metrics
        for commit, outcome in decided:
            metrics.commit_latency.observe(now_s - commit.accepted_s)
            metrics.count(outcome, collection.kind)
            if outcome.begins_list:
                self._deps.show_lists(ShowLists(self._user_id))
            if commit.write is not None:
                self._answer(commit.write, outcome)
            if outcome.revision is not None:  # a repeated write may be the first word of a revision of another node
                collection.note(outcome.revision, committed.epoch)
        collection.heal_if_behind()

    def _answer(self, write: DeviceWrite, outcome: Outcome) -> None:
        if write.trace is not None:
            self._deps.tracer.passed(write.trace.at(outcome.revision), "answered", status=outcome.status)
        if write.answer is not None:
            write.answer(outcome)
        elif outcome.status is Status.REFUSED:  # nobody waits: it came by the channel
            self._deps.bus_metrics.refused["not_taken"] += 1
            logger.warning("a foreign publisher's operation was refused: %s", outcome.reason)

    def _remote(self, message: PubNubUpdate, collection: CollectionSync) -> None:
        if isinstance(message.timestamp, HLCTimestamp):
            try:
                self._follow_clock(message.timestamp)
            except ClockDriftError as error:
                logger.warning("the clock of node %s is not followed: %s", message.origin, error)
        traceparent = message.traceparent if isinstance(message, PubNubWatchlistUpdate) else None
        if traceparent is not None and message.origin != self._deps.node:
            self._deps.tracer.receive(traceparent, collection.line, message.revision or 0, message.origin or "")
        collection.arrived(message)

    # Collections

    def _in_use(self, name: str) -> CollectionSync:
        """Return the collection, which is in use here from now on."""
        collection = self._collections.get(name)
        if collection is None:
            if len(self._collections) >= self._crowded_at:
                self._put_out_of_use()
                self._crowded_at = max(CROWD, 2 * len(self._collections))
            collection = CollectionSync(self._user_id, name, self._deps, self._reply_to, self._later)
            self._collections[name] = collection
            collection.load_head()
        return collection

    def _may_follow(self, name: str) -> bool:
        """Return whether ``name`` is in use, or there is room for one more; the next sweep may make some."""
        return name in self._collections or len(self._collections) < self._deps.max_followed

    def _heads_loaded(self, loaded: HeadsLoaded) -> None:
        if loaded.heads is None:
            for collection in self._collections.values():
                if collection.waiting is not None:
                    self._refuse_writes(collection.waiting)
            self._waiting_writes = 0
            if not self._loads_again:  # otherwise each of several answers would ask for all of them again
                self._loads_again = True
                tell_later(self._deps.retry_s, self.actor_ref, LoadHeadsAgain())
            return
        for head in loaded.heads:
            collection = self._in_use(parts_of(head.line)[1])
            if collection.waiting is None:
                collection.saw(head.revision, head.epoch or None)
                continue
            self._clock = max(self._clock, structs.replace(head.clock, node=self._deps.node))
            waiting = collection.begin(head)
            self._waiting_writes -= sum([isinstance(message, DeviceWrite) for message in waiting])
            for message in waiting:
                self.on_receive(message)

    def _compare_others(self) -> None:
        """Ask where the other collections stand: the watchlist was compared with the journal."""
        for collection in self._collections.values():
            collection.refresh_hints()
        self._load_heads([collection.line for name, collection in self._collections.items() if name != WATCHLIST])

    def _load_heads(self, lines: Sequence[str]) -> None:
        if lines:
            self._deps.journal(LoadHeads(tuple(lines), self._reply_to))

    def _is_one_too_many(self, write: DeviceWrite) -> bool:
        """Return whether ``write`` would have to wait for a head behind as many as may."""
        if self._waiting_writes < MAX_WAITING_WRITES:
            return False
        collection = self._collections.get(write.collection)
        return collection is None or collection.waiting is not None

    def _refuse_one_too_many(self, write: DeviceWrite) -> None:
        reason = f"more than {MAX_WAITING_WRITES} writes of this user wait already"
        refusal = Outcome(status=Status.REFUSED, reason=reason, retry_after_s=self._deps.retry_s)
        self._deps.write_metrics.too_many_waiting += 1
        self._deps.write_metrics.count(refusal, kind_of(write.collection))
        self._answer(write, refusal)

    def _refuse_writes(self, waiting: list[OfCollection]) -> None:
        """Nobody should wait for a database that is away; connections may."""
        refusal = Outcome(status=Status.REFUSED, reason=JOURNAL_UNAVAILABLE, retry_after_s=self._deps.retry_s)
        for message in waiting:
            if isinstance(message, DeviceWrite):
                self._answer(message, refusal)
        waiting[:] = [message for message in waiting if not isinstance(message, DeviceWrite)]

    def _later(self, seconds: float, again: TryAgain) -> None:
        tell_later(seconds, self.actor_ref, again)

    def _retire_if_idle(self) -> None:
        """Put collections that nobody needs out of use; if that leaves nothing but an idle watchlist, stop."""
        self._put_out_of_use()
        if len(self._collections) == 1 and self._watchlist.is_idle and self.actor_inbox.empty():
            self._retired(self._user_id)
            self.stop()

    def _put_out_of_use(self) -> None:
        """Forget the collections that nobody needs."""
        for name, collection in tuple(self._collections.items()):
            if collection.is_idle and name != WATCHLIST:
                del self._collections[name]
