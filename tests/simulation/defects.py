"""Deliberate defects, each a patch of the service or of a client: the simulation must find every one."""

import asyncio
import unicodedata
from collections.abc import Callable
from itertools import chain
from typing import Any, Final

import msgspec
import pytest
from syncd_client import MemoryStore
from syncd_client.data.collection import Collection
from syncd_client.data.messages import WatchlistSnapshot
from syncd_client.data.user_collections import UserCollections
from syncd_client.data.user_state import UserState

from actors.bus import message_handler
from actors.bus.subscriber import PubNubSubscriber
from actors.connection.deadlines import Deadlines, Due
from actors.connection.sync_websocket import SyncWebSocket
from actors.fanout.connection_registry import ConnectionRegistry
from actors.journal import group_commit
from actors.messages.change import Change
from actors.messages.channel import PubNubWatchlistUpdate
from actors.messages.connection import Deliver, Join
from actors.messages.content_ids import CONTENT_IDS, TEXTS, ContentIds
from actors.messages.conversion import channel_change
from actors.messages.fanout import RegisterConnection
from actors.messages.journal import Operation, Outcome, Status
from actors.messages.journal_reads import Bookmark, Page
from actors.watchlist.active_users import ActiveUsers
from actors.watchlist.collection_sync import CollectionSync
from actors.watchlist.watchlist_sync import WatchlistSync
from storage.databases.high_water_mark import HighWaterMark
from storage.journal.answers import AnswerKeeping
from storage.journal.journal_store import SqlJournalStore
from storage.rules.list_journal import ListJournal
from syncd import node
from syncd.local_commands import LocalCommands
from tests.simulation import collection_defects, stream_defects
from tests.simulation.collection_defects import Patch, nothing
from transport.access.authentication import Authenticator
from transport.websocket.device_protocol import DeviceProtocol


def acknowledge_what_was_not_committed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(group_commit, "_UNAVAILABLE", Outcome(status=Status.ADDED))


def register_after_the_read(patch: pytest.MonkeyPatch) -> None:
    def join(self: CollectionSync, join: Join) -> None:
        self._connections[join.connection] = None
        self._replays.wait(join)
        asyncio.get_running_loop().call_later(0.05, self._deps.registry, RegisterConnection(join.connection))

    patch.setattr(CollectionSync, "join", join)


def show_a_gap(patch: pytest.MonkeyPatch) -> None:
    def deliver(self: SyncWebSocket, delivery: Deliver) -> None:
        self._outbox.frames += delivery.frames
        if delivery.first_revision is not None:
            self._current.revision = delivery.first_revision + len(delivery.frames) - 1

    patch.setattr(SyncWebSocket, "_deliver", deliver)


def relay_to_everybody(patch: pytest.MonkeyPatch) -> None:
    whose = ConnectionRegistry._deliver

    def deliver(self: ConnectionRegistry, user_id: str, delivery: Deliver) -> Any:
        everybody = dict(chain.from_iterable(of_user.items() for of_user in self._user_connections.values()))
        kept = self._user_connections[user_id]
        self._user_connections[user_id] = everybody
        try:
            return whose(self, user_id, delivery)
        finally:
            self._user_connections[user_id] = kept

    patch.setattr(ConnectionRegistry, "_deliver", deliver)


def let_removes_win(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ListJournal, "_observed", lambda self, operation, live: frozenset(live))


def forget_the_answers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ListJournal, "learn_answer", nothing)


def mint_a_tag_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ListJournal, "minted", property(lambda self: self.head.minted))


def skip_a_revision(patch: pytest.MonkeyPatch) -> None:
    record = ListJournal._record

    def skipping(self: ListJournal, *args: Any) -> Outcome:
        self.revision += self.revision % 7 == 6
        return record(self, *args)

    patch.setattr(ListJournal, "_record", skipping)


def replay_one_too_few(patch: pytest.MonkeyPatch) -> None:
    changes = SqlJournalStore.changes

    def later(self: SqlJournalStore, *asked: Any, **how: Any) -> Any:
        found = changes(self, *asked, **how)
        return msgspec.structs.replace(found, updates=found.updates[1:]) if hasattr(found, "updates") else found

    patch.setattr(SqlJournalStore, "changes", later)


def leave_gaps_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CollectionSync, "heal_if_behind", nothing)


def compare_no_heads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PubNubSubscriber, "_compare_heads", nothing)


def never_retire(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ActiveUsers, "sweep", nothing)


def retire_with_commits_under_way(patch: pytest.MonkeyPatch) -> None:
    retire = WatchlistSync._retire_if_idle

    def carelessly(self: WatchlistSync) -> None:
        uncommitted, self._watchlist.uncommitted = self._watchlist.uncommitted, 0
        retire(self)
        self._watchlist.uncommitted = uncommitted

    patch.setattr(WatchlistSync, "_retire_if_idle", carelessly)
    patch.setattr(node, "SWEEP_S", 1.0)  # so that it comes up in short worlds


def keep_who_has_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SyncWebSocket, "_leave", lambda self: self._heartbeat.stop())


def lose_the_queue_on_a_restart(patch: pytest.MonkeyPatch) -> None:
    load = MemoryStore.load

    def without_queue(self: MemoryStore, user_id: str) -> UserState | None:
        state = load(self, user_id)
        return None if state is None else UserState(state.head, state.items)

    patch.setattr(MemoryStore, "load", without_queue)


def number_writes_again_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    begin = UserCollections.__init__

    def forgetful(
        self: UserCollections, user_id: str, stored: UserState | None, new_replica: Callable[[], str]
    ) -> None:
        begin(self, user_id, stored, new_replica)
        self._head = msgspec.structs.replace(self._head, operations=0)
        self.watchlist.head = msgspec.structs.replace(self.watchlist.head, adds=0)

    patch.setattr(UserCollections, "__init__", forgetful)


def drop_answers_with_the_history(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AnswerKeeping, "keep_dropped", nothing)


def keep_what_a_list_lacks(patch: pytest.MonkeyPatch) -> None:
    apply = Collection.apply_snapshot

    def keeping(self: Collection, snapshot: WatchlistSnapshot) -> bool:
        before = dict(self._confirmed)
        is_other_journal = apply(self, snapshot)
        self._confirmed = before | self._confirmed
        return is_other_journal

    patch.setattr(Collection, "apply_snapshot", keeping)


def tell_a_list_of_another_revision(patch: pytest.MonkeyPatch) -> None:
    page = SqlJournalStore.page

    def older(self: SqlJournalStore, user_id: str, limit: int, after: Bookmark | None) -> Any:
        found = page(self, user_id, limit, after)
        return msgspec.structs.replace(found, revision=max(0, found.revision - 1)) if isinstance(found, Page) else found

    patch.setattr(SqlJournalStore, "page", older)


def ask_from_too_late_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Collection, "revision", property(lambda self: self.head.revision + (self.head.revision > 3)))


def answer_the_wrong_writer(patch: pytest.MonkeyPatch) -> None:
    answer = group_commit.GroupCommit._answer

    def swapped(self: group_commit.GroupCommit, batch: Any, outcomes: Any, epoch: str | None) -> None:
        answer(self, batch, outcomes[::-1], epoch)

    patch.setattr(group_commit.GroupCommit, "_answer", swapped)


def forget_foreign_tags(patch: pytest.MonkeyPatch) -> None:
    def without_tag(message: PubNubWatchlistUpdate, content_ids: ContentIds) -> Change | None:
        change = channel_change(message, content_ids)
        return None if change is None else msgspec.structs.replace(change, tag=None)

    patch.setattr(message_handler, "channel_change", without_tag)


def take_its_own_absence_for_silence(patch: pytest.MonkeyPatch) -> None:
    check = Deadlines.check

    def at_once(self: Deadlines, now_s: float) -> Due:
        return Due.SILENCE if now_s >= self._last_sign_s + self._timeout_s else check(self, now_s)

    patch.setattr(Deadlines, "check", at_once)


def accept_an_old_epoch(patch: pytest.MonkeyPatch) -> None:
    changes = SqlJournalStore.changes

    def of_any(
        self: SqlJournalStore, user_id: str, revision: int, limit: int, epoch: str | None, *, prefers_list: bool
    ) -> Any:
        return changes(self, user_id, revision, limit, None, prefers_list=prefers_list)

    patch.setattr(SqlJournalStore, "changes", of_any)


def start_on_a_journal_that_has_gone_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HighWaterMark, "check", nothing)


def forget_which_epochs_were_renewed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HighWaterMark, "note_renewed", nothing)


def serve_who_takes_nothing(patch: pytest.MonkeyPatch) -> None:
    check = Deadlines.check

    def patient(self: Deadlines, now_s: float) -> Due:
        self.caught_up(now_s)
        return check(self, now_s)

    patch.setattr(Deadlines, "check", patient)


def leave_revoked_connections_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeviceProtocol, "disconnect_if_revoked", lambda self, revoked: False)


def disconnect_nobody(patch: pytest.MonkeyPatch) -> None:
    async def count(self: LocalCommands, user_id: str, device_id: str | None) -> int:
        return 1

    patch.setattr(LocalCommands, "_disconnect", count)


def let_foreign_removes_take_everything(patch: pytest.MonkeyPatch) -> None:
    remove = ListJournal._remove

    def all_of_it(self: ListJournal, operation: Operation, content_id: str) -> Outcome:
        return remove(self, msgspec.structs.replace(operation, removed_tags=()), content_id)

    patch.setattr(ListJournal, "_remove", all_of_it)


def accept_revoked_tokens(patch: pytest.MonkeyPatch) -> None:
    begin = Authenticator.__init__

    def credulous(self: Authenticator, *args: Any, **named: Any) -> None:
        begin(self, *args, **{**named, "revoked_token_ids": frozenset()})

    patch.setattr(Authenticator, "__init__", credulous)


def normalise_ids(patch: pytest.MonkeyPatch) -> None:
    composed = msgspec.structs.replace(TEXTS, canonical=lambda text: unicodedata.normalize("NFC", text))
    patch.setitem(CONTENT_IDS, "text", composed)


_OF_PARTS: Final = collection_defects.FOUND_AT | stream_defects.FOUND_AT

FOUND_AT: Final[dict[Patch, int]] = _OF_PARTS | {
    acknowledge_what_was_not_committed: 290,
    register_after_the_read: 393,
    show_a_gap: 183,  # 0.04 s: device 2.0 of user-2 list:kids was shown revision 1 before it was said where it
    relay_to_everybody: 290,
    let_removes_win: 212,  # 0.05 s: user-1: revision 4 removed revision 3, which nobody who removed it had seen
    forget_the_answers: 212,
    mint_a_tag_twice: 381,  # 0.15 s: user-0: revision 24 removed revision 22, which nobody who removed it had seen
    skip_a_revision: 212,
    replay_one_too_few: 212,  # 0.04 s: device 0.0 of user-0 was shown revision 7 where 6 comes next
    leave_gaps_open: 93,
    compare_no_heads: 392,  # 0.10 s: after 180 s of calm device 1.0 shows 1 contents, and the journal holds 2
    never_retire: 212,
    retire_with_commits_under_way: 46,
    keep_who_has_left: 212,
    lose_the_queue_on_a_restart: 212,
    number_writes_again_after_a_restart: 212,
    drop_answers_with_the_history: 412,  # 0.07 s: user-2 backend.2 was answered Answer(status='removed', …
    keep_what_a_list_lacks: 412,  # 0.06 s: after 180 s of calm device 0.0 shows 3 contents, and the journal holds 2
    tell_a_list_of_another_revision: 232,
    ask_from_too_late_on: 399,  # 0.10 s: after 180 s of calm device 0.0 shows 6 contents, and the journal holds 6
    answer_the_wrong_writer: 212,
    forget_foreign_tags: 290,
    take_its_own_absence_for_silence: 223,  # 0.08 s: device 1.0 of user-1 was closed with 4001, and its link was fine
    accept_an_old_epoch: 290,  # 0.27 s: after 400 s of calm device 0.0 is resuming with 13 writes
    start_on_a_journal_that_has_gone_back: 232,  # 0.07 s: node 0 runs on a database that has gone back in time
    forget_which_epochs_were_renewed: 286,  # 0.11 s: node 0 runs on a database that has gone back in time
    serve_who_takes_nothing: 419,  # 0.07 s: device 0.1 took nothing for 27 s, and was not given up
    leave_revoked_connections_open: 247,  # 0.08 s: after 180 s of calm device 0.0 is connected with device …
    disconnect_nobody: 131,  # 0.10 s: device 1.0 is still connected, and all nodes have disconnected it
    accept_revoked_tokens: 93,  # 0.07 s: node 0 answers Response(status=200, body={'revision': 17, 'epoch': …
    normalise_ids: 135,
    let_foreign_removes_take_everything: 235,  # 0.06 s: user-1: revision 3 removed revision 2, which nobody who …
}
"""Each defect, and a seed that finds it: of the first 500, one whose world is a small one, and fails soon."""
