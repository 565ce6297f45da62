"""One collection of a user on this node: keeps the order of its revisions, fills gaps, brings devices up to date.

It holds where the collection stands, not what is in it. Whatever reaches it by bus or by journal goes through one
``RevisionLine``.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from actors.messages.channel import PubNubUpdate
from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.collections import DEVICES, LISTS, kind_of, line_of
from actors.messages.connection import ConnectionInfo, Deliver, Disconnect, Join, Joined, ReadOn, Replayed
from actors.messages.devices import Devices, DeviceSeen
from actors.messages.failures import ReadFailed
from actors.messages.fanout import RegisterConnection, Relay, RelayMissed, RelayPubNubMessage
from actors.messages.journal import AnyUpdate, Committed
from actors.messages.journal_reads import (
    Bookmark,
    Changes,
    ChangesExpired,
    Head,
    HeadsLoaded,
    LoadHeads,
    PageExpired,
    ReadChanges,
    ReadSnapshotPage,
    SnapshotPage,
)
from actors.messages.lists import Lists
from actors.messages.watchlist import GapRead, HintsRead, ListRead, MissedRead, OfCollection, TryAgain
from actors.runtime.tell import Tell
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.hints import Hints
from actors.watchlist.list_hints import ListHints
from actors.watchlist.presence_hints import PresenceHints
from actors.watchlist.replays import Replays, ResumePoint
from actors.watchlist.revision_line import RevisionLine, Step
from actors.watchlist.snapshots import SnapshotDeps, Snapshots

logger = logging.getLogger(__name__)


CollectionAnswer = HeadsLoaded | Committed | MissedRead | GapRead | ListRead | HintsRead
"""What the journal answers to a collection."""

_MakeHints = Callable[[str, WatchlistDeps, Tell[HintsRead]], Hints[Any]]
_HINTS: Final[dict[str, _MakeHints]] = {DEVICES: PresenceHints, LISTS: ListHints}
"""By collection; the others have none."""


class CollectionSync:
    """Part of a ``WatchlistSync``, on its turns; what it asks for is answered through that.

    Args:
        user_id: whose collection.
        name: which.
        deps: of the ``WatchlistSync``.
        tell: reaches it.
        later: tells it something after so many seconds.
    """

    def __init__(
        self,
        user_id: str,
        name: str,
        deps: WatchlistDeps,
        tell: Tell[CollectionAnswer],
        later: Callable[[float, TryAgain], None],
    ) -> None:
        self.line: Final = line_of(user_id, name)
        self.kind: Final = kind_of(name)
        self._user_id = user_id
        self._name = name
        self._deps = deps
        self._tell = tell
        self.reply_to: Final[Tell[Committed]] = partial(tell)
        """Takes the answers to its own writes: commits that are told to one callback are told together."""
        self._later = later
        self._revisions = RevisionLine()
        self._connections: dict[ConnectionInfo, None] = {}
        """In the order in which they joined, which a set would not keep."""
        snapshot_deps = SnapshotDeps(
            read=self._read_list,
            head=lambda: self._revisions.head,
            fragments=deps.fragments,
            cursor_of=deps.cursor_of,
            collection=name,
        )
        self._snapshots = Snapshots(snapshot_deps, deps.slice_rows)
        self._replays = Replays(self._read_missed, deps.frame, self._snapshots.begin, name)
        make_hints = _HINTS.get(name)
        self._hints: Final[Hints[Any] | None] = None if make_hints is None else make_hints(user_id, deps, tell)
        self.uncommitted = 0
        self.waiting: list[OfCollection] | None = []
        """What came before the head was known; ``None`` once it is."""
        self._is_healing = False

    @property
    def is_idle(self) -> bool:
        """Whether nobody is connected, and nothing of it is under way."""
        is_reading = self._is_healing or self._replays.is_reading or self._snapshots.is_reading
        is_reading = is_reading or (self._hints is not None and self._hints.is_reading)
        return not (self._connections or self.uncommitted or self.waiting is not None or is_reading)

    # Where it stands

    def load_head(self) -> None:
        """Ask where it stands."""
        self._deps.journal(LoadHeads((self.line,), self._tell))

    def begin(self, head: Head) -> list[OfCollection]:
        """Go on from ``head``, and return what has waited for it."""
        waiting, self.waiting = self.waiting or [], None
        self._revisions = RevisionLine(head.revision, head.epoch or None)
        return waiting

    def saw(self, revision: int, epoch: str | None) -> None:
        """Hear that it has reached ``revision``."""
        self._revisions.see(revision, epoch)
        self.heal_if_behind()

    def note(self, revision: int, epoch: str | None) -> None:
        """Hear of ``revision`` without a look yet: more of them are coming."""
        self._revisions.see(revision, epoch)

    def advance(self, updates: Iterable[AnyUpdate], epoch: str | None) -> None:
        """Show the devices those of the ``updates`` committed here that are next."""
        due = tuple(update for update in updates if self._is_next(update.revision, epoch))
        if due and self._has_audience:
            self._deps.broadcaster(Relay(self._user_id, due))
        self.heal_if_behind()  # at once: what comes of the same commit after this may fail

    def arrived(self, message: PubNubUpdate) -> None:
        """Show the devices what another node has committed, if it is next."""
        if self._is_next(message.revision or 0, message.epoch) and not self._is_unheard:
            self._deps.broadcaster(RelayPubNubMessage(self._user_id, message))
        self.heal_if_behind()

    @property
    def _has_audience(self) -> bool:
        """Whether a relay is worth its cost: that takes a device here, a bus, or a trace that would show it."""
        is_wanted = bool(self._connections) or self._deps.publisher is not None or self._deps.tracer.is_tracing
        return is_wanted and not self._is_unheard

    @property
    def _is_unheard(self) -> bool:
        """Whether it is ``devices``, and nobody follows that: each new device changes it, which is worth no relay."""
        return self._name == DEVICES and not self._connections

    def _is_next(self, revision: int, epoch: str | None) -> bool:
        step = self._revisions.arrive(revision, epoch)
        if step is Step.OLD:
            self._deps.bus_metrics.duplicates += 1
        return step is Step.NEXT

    # Gaps

    def heal_if_behind(self) -> None:
        """Ask the journal for what is known to exist and has not passed, unless it is being asked."""
        if self._revisions.is_behind and not self._is_healing:
            self._is_healing = True
            self._revisions.begin_look()
            self._ask_for_missing()

    def _ask_for_missing(self) -> None:
        """Ask for a slice of what follows the last revision that passed."""
        tell, revisions, name = self._tell, self._revisions, self._name
        self._deps.journal(
            ReadChanges(
                self._user_id,
                revisions.head,
                self._deps.slice_rows,
                lambda answer: tell(GapRead(answer, name)),
                revisions.epoch,
                collection=name,
            )
        )

    def healed(self, answer: Changes | ChangesExpired | ReadFailed) -> None:
        """Take the journal's answer to what was missing."""
        match answer:
            case Changes(head=head, revisions=tuple()):
                self._looked(head)
                self._jump(head)
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
                self._jump(head)
            case ReadFailed(reason=reason):
                logger.warning("a gap stays open for %s s: %s", self._deps.retry_s, reason)
                self._revisions.fail_look()
                self._later(self._deps.retry_s, TryAgain(self._name))
                return
        self._is_healing = False
        self.heal_if_behind()

    def _jump(self, head: int) -> None:
        """Go on from ``head``: what is before it cannot be shown one by one, and each device asks for it itself."""
        self._revisions.jump(head)
        for connection in self._connections:
            connection.tell(Deliver(head + 1, (), self._name))

    def try_again(self) -> None:
        """Ask again for what the journal could not say."""
        self._is_healing = False
        self.heal_if_behind()

    def _relay_missed(self, changes: Changes) -> None:
        """Show the devices those of ``changes`` that are next."""
        first = changes.revision - len(changes.updates) + 1
        due = tuple(one for number, one in enumerate(changes.updates, first) if self._is_next(number, changes.epoch))
        if due and self._has_audience:
            self._deps.broadcaster(RelayMissed(self._user_id, due))

    def _begin_again(self) -> None:
        """Start over from the journal: the revisions here are void. Devices come back with a new socket."""
        for connection in self._connections:
            connection.tell(Disconnect(TRY_AGAIN_LATER))
        self._snapshots.forget_parts()
        self._is_healing, self.waiting = False, []
        self.load_head()

    def _looked(self, head: int) -> None:
        metrics = self._deps.bus_metrics
        if self._revisions.end_look(head):
            metrics.gaps_healed += 1
        else:  # forged, where no bus key prevents that, or from before a restore
            metrics.refused["unconfirmed"] += 1

    # Connections

    def join(self, join: Join) -> None:
        """Register a connection, and tell it where it stands, or bring it up to date."""
        is_new = join.connection not in self._connections
        self._connections[join.connection] = None
        self._deps.registry(RegisterConnection(join.connection))  # before the read, so that nothing falls between
        if join.since is None:
            join.connection.tell(Joined(self._revisions.head, self._name))
            return
        if self._name == LISTS:
            join.connection.tell(
                Replayed(revision=0, head=0, epoch=self._revisions.epoch or "", frames=(), collection=LISTS)
            )
        else:
            self._replays.wait(join)
        if is_new and self._hints is not None:
            self._hints.show_all(join.connection)

    def devices_seen(self, devices: Iterable[DeviceSeen]) -> None:
        """Tell those who follow the devices, if anybody does, who has come or gone."""
        if self._connections and isinstance(self._hints, PresenceHints):
            self._hints.relay(devices)

    def lists_changed(self) -> None:
        """Tell those who follow which lists there are, if anybody does, which these are now."""
        if self._connections and isinstance(self._hints, ListHints):
            self._hints.changed()

    def hints_read(self, answer: Devices | Lists | ReadFailed) -> None:
        """Take the journal's answer to what hints tell of."""
        if self._hints is not None:
            self._hints.answered(answer)

    def refresh_hints(self) -> None:
        """Find out whether those who follow lack hints, which a bus may have lost, or a failed read withheld."""
        if self._hints is not None and (self._deps.publisher is not None or self._hints.is_owed):
            self._hints.refresh()

    def leave(self, connection: ConnectionInfo) -> None:
        """Do nothing more for it."""
        if self.waiting is not None:
            self.waiting = [
                one for one in self.waiting if not (isinstance(one, Join | ReadOn) and one.connection is connection)
            ]
        self._connections.pop(connection, None)
        self._replays.forget(connection)
        self._snapshots.forget(connection)
        if self._hints is not None:
            self._hints.forget(connection)

    def read_on(self, connection: ConnectionInfo, after: Bookmark) -> None:
        """Show it the next part of the list."""
        self._snapshots.read_on(connection, after)

    def missed_read(self, answer: Changes | ChangesExpired | ReadFailed) -> None:
        """Take the journal's answer to what connections have missed."""
        self._replays.answered(answer)
        if isinstance(answer, Changes | ChangesExpired):
            self.saw(answer.head, answer.epoch if isinstance(answer, Changes) else None)

    def list_read(self, answer: SnapshotPage | PageExpired | ReadFailed) -> None:
        """Take the journal's answer to what is in the list."""
        self._snapshots.answered(answer)

    def _read_missed(self, resume: ResumePoint) -> None:
        tell, rows, name, (since, epoch, pieces) = self._tell, self._deps.slice_rows, self._name, resume
        self._deps.journal(
            ReadChanges(self._user_id, since, rows, lambda read: tell(MissedRead(read, name)), epoch, pieces, name)
        )

    def _read_list(self, after: Bookmark | None, rows: int) -> None:
        tell, name = self._tell, self._name
        self._deps.journal(
            ReadSnapshotPage(self._user_id, rows, lambda answer: tell(ListRead(answer, name)), after, name)
        )
