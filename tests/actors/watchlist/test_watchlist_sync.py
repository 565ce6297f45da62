import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from pykka import ActorRef

from actors.bus.publisher import Publish
from actors.fanout.broadcaster import Relay
from actors.fanout.connection_registry import Register, Unregister
from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import DeviceWrite, Disconnect, Join, Joined, Leave, Replayed
from actors.messages.journal import (
    Changes,
    Commit,
    Committed,
    Head,
    HeadsLoaded,
    Item,
    LoadHeads,
    Operation,
    Outcome,
    ReadFailed,
    ReadSince,
    Snapshot,
    Status,
    Update,
)
from actors.messages.sync import HeadMoved, PubNubWatchlistUpdate
from actors.messages.watchlist import RemoteUpdate, RetireIfIdle, WatchlistDeps
from actors.metrics import BusMetrics, WriteMetrics
from actors.watchlist import watchlist_sync
from actors.watchlist.watchlist_sync import WatchlistSync
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Devices, Started, content

Handled = Callable[[ActorRef[Any]], Awaitable[object]]

NOW_MS = 1_764_000_000_000
MAX_DRIFT_MS = 60_000
CONTENT_ID = str(content(1))


def an_update(revision: int, device_id: str = "tv") -> Update:
    return Update(
        user_id="ann",
        revision=revision,
        action="add",
        content_id=CONTENT_ID,
        tags=(f"syncd:{revision}",),
        timestamp=HLCTimestamp(NOW_MS, revision, "other"),
        device_id=device_id,
    )


def remote(revision: int, timestamp: HLCTimestamp | None = None) -> RemoteUpdate:
    update = an_update(revision)
    stamp = timestamp or update.timestamp
    return RemoteUpdate(
        PubNubWatchlistUpdate("add", CONTENT_ID, update.tags[0], stamp, "tv", revision=revision, origin="other")
    )


class ConnectionDeps:
    """Records what the actor tells the others; plays the journal by hand."""

    def __init__(self, devices: Devices) -> None:
        self.devices = devices
        self.now_ms = NOW_MS
        self.journal: list[Any] = []
        self.registry: list[Any] = []
        self.relayed: list[Relay] = []
        self.published: list[Publish] = []
        self.retired: list[str] = []
        self.outcomes: list[Outcome] = []
        self.metrics = BusMetrics()
        self.write_metrics = WriteMetrics()

    def deps(self) -> WatchlistDeps:
        return WatchlistDeps(
            node="here",
            now_ms=lambda: self.now_ms,
            max_clock_drift_ms=MAX_DRIFT_MS,
            journal=self.journal.append,
            registry=self.registry.append,
            broadcaster=self.relayed.append,
            publisher=self.published.append,
            frame=self.devices.encode,
            bus_metrics=self.metrics,
            write_metrics=self.write_metrics,
            now_s=lambda: self.now_ms / 1000,
        )

    def write(self, **fields: Any) -> DeviceWrite:
        defaults: dict[str, Any] = {
            "user_id": "ann",
            "device_id": "phone",
            "action": "add",
            "content_id": CONTENT_ID,
            "answer": self.outcomes.append,
        }
        return DeviceWrite(**defaults | fields)

    def commits(self) -> list[Commit]:
        return [message for message in self.journal if isinstance(message, Commit)]

    def reads(self) -> list[ReadSince]:
        return [message for message in self.journal if isinstance(message, ReadSince)]

    def relayed_revisions(self) -> list[int | None]:
        return [m.revision for relay in self.relayed for m in relay.messages if isinstance(m, PubNubWatchlistUpdate)]


@pytest.fixture
def around(devices: Devices) -> ConnectionDeps:
    return ConnectionDeps(devices)


@pytest.fixture
async def loading(started: Started, around: ConnectionDeps, handled: Handled) -> ActorRef[WatchlistSync]:
    """An actor that the journal has not answered yet."""
    ref = started(WatchlistSync.start("ann", around.deps(), around.retired.append))
    await handled(ref)
    return ref


def head(revision: int, clock: HLCTimestamp | None = None) -> HeadsLoaded:
    return HeadsLoaded((Head(user_id="ann", revision=revision, clock=clock or HLCTimestamp(0, 0, "other")),))


@pytest.fixture
async def watchlist(
    loading: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> ActorRef[WatchlistSync]:
    """An actor at revision 3."""
    loading.tell(head(3))
    await handled(loading)
    around.journal.clear()
    return loading


def committed(commits: list[Commit], *revisions: int | None, is_new: bool = True) -> Committed:
    """The journal's answer to ``commits``; ``None``: nothing was written."""
    outcomes = tuple(
        Outcome(status=Status.NOT_FOUND)
        if revision is None
        else Outcome(status=Status.ADDED, update=an_update(revision), is_new=is_new)
        for revision in revisions
    )
    return Committed(tuple(commits), outcomes)


async def test_it_first_asks_the_journal_where_the_user_stands(
    loading: ActorRef[WatchlistSync], around: ConnectionDeps
) -> None:
    (load,) = around.journal
    assert isinstance(load, LoadHeads)
    assert load.user_ids == ("ann",)


async def test_what_comes_before_the_head_is_known_waits_and_keeps_its_order(
    loading: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled, devices: Devices
) -> None:
    loading.tell(around.write(operation_id="first"))
    loading.tell(Join(devices.connection("b")))
    loading.tell(around.write(operation_id="second"))
    await handled(loading)
    assert around.commits() == []
    loading.tell(head(3))
    await handled(loading)
    assert [commit.operation.operation_id for commit in around.commits()] == ["first", "second"]
    assert devices.told["b"][0].revision == 3


async def test_a_write_is_stamped_and_goes_to_the_journal_before_anybody_is_told(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(around.write(operation_id="op", observed=2))
    await handled(watchlist)
    (commit,) = around.commits()
    assert commit.operation == Operation(
        user_id="ann",
        device_id="phone",
        action="add",
        content_id=CONTENT_ID,
        timestamp=HLCTimestamp(NOW_MS, 0, "here"),
        operation_id="op",
        observed=2,
    )
    assert (around.relayed, around.published, around.outcomes) == ([], [], [])


async def test_writes_do_not_wait_for_each_others_commits(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    for _ in range(3):
        watchlist.tell(around.write())
    await handled(watchlist)
    stamps = [commit.operation.timestamp for commit in around.commits()]
    assert stamps == [HLCTimestamp(NOW_MS, n, "here") for n in range(3)]


async def test_a_commit_relays_publishes_and_answers_the_writer(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(around.write())
    await handled(watchlist)
    watchlist.tell(committed(around.commits(), 4))
    await handled(watchlist)
    assert around.relayed_revisions() == [4]
    assert [(p.user_id, p.message.revision, p.message.origin) for p in around.published] == [("ann", 4, "here")]
    assert [outcome.status for outcome in around.outcomes] == [Status.ADDED]
    assert around.write_metrics.outcomes == {"added": 1, "existing": 0, "removed": 0, "not_found": 0, "refused": 0}
    assert len(around.write_metrics.commit_latency.latest) == 1


async def test_updates_of_one_transaction_are_relayed_together(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    for _ in range(3):
        watchlist.tell(around.write())
    await handled(watchlist)
    watchlist.tell(committed(around.commits(), 4, 5, 6))
    await handled(watchlist)
    assert len(around.relayed) == 1
    assert around.relayed_revisions() == [4, 5, 6]


async def test_a_retrys_answer_is_given_but_not_relayed_again(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(around.write(operation_id="op"))
    await handled(watchlist)
    watchlist.tell(committed(around.commits(), 2, is_new=False))
    await handled(watchlist)
    assert (around.relayed, around.published) == ([], [])
    assert around.outcomes[0].update == an_update(2)


async def test_a_write_without_effect_is_answered_only(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(around.write(action="remove"))
    await handled(watchlist)
    watchlist.tell(committed(around.commits(), None))
    await handled(watchlist)
    assert (around.relayed, around.published) == ([], [])
    assert [outcome.status for outcome in around.outcomes] == [Status.NOT_FOUND]


async def test_a_stamp_too_far_ahead_is_refused_by_name_and_not_followed(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(around.write(timestamp=HLCTimestamp(NOW_MS + 10 * MAX_DRIFT_MS, 0, "phone")))
    watchlist.tell(around.write())
    await handled(watchlist)
    (refusal,) = around.outcomes
    assert refusal.status is Status.REFUSED
    assert refusal.field == "timestamp"
    assert "600000 ms" in str(refusal.reason)
    assert [commit.operation.timestamp.physical for commit in around.commits()] == [NOW_MS]


async def test_a_devices_own_stamp_is_kept_and_the_clock_goes_on_above_it(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    ahead = HLCTimestamp(NOW_MS + 1000, 7, "phone")
    watchlist.tell(around.write(timestamp=ahead))
    watchlist.tell(around.write())
    await handled(watchlist)
    first, second = (commit.operation.timestamp for commit in around.commits())
    assert first == ahead
    assert second > ahead
    assert second.node == "here"


async def test_the_clock_starts_above_what_the_journal_has_even_if_the_wall_clock_stepped_back(
    loading: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    stored = HLCTimestamp(NOW_MS + 5, 3, "other")
    loading.tell(head(3, stored))
    loading.tell(around.write())
    await handled(loading)
    assert around.commits()[0].operation.timestamp == HLCTimestamp(NOW_MS + 5, 4, "here")


async def test_another_nodes_next_revision_is_relayed_and_its_echo_dropped(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    for revision in (4, 4, 3, 5):
        watchlist.tell(remote(revision))
    await handled(watchlist)
    assert around.relayed_revisions() == [4, 5]
    assert around.published == []
    assert around.metrics.duplicates == 2


async def test_a_gap_is_filled_from_the_journal_in_order_and_once(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(remote(6))
    watchlist.tell(remote(7))
    await handled(watchlist)
    assert around.relayed == []
    (read,) = around.reads()
    assert read.revision == 3
    read.reply_to(Changes(user_id="ann", epoch="e", revision=6, updates=tuple(map(an_update, (4, 5, 6)))))
    await handled(watchlist)
    assert around.relayed_revisions() == [4, 5, 6]
    again = around.reads()[1]
    assert again.revision == 6  # 7 was seen meanwhile
    again.reply_to(Changes(user_id="ann", epoch="e", revision=7, updates=(an_update(7),)))
    await handled(watchlist)
    assert around.relayed_revisions() == [4, 5, 6, 7]
    assert around.metrics.gaps_healed == 2


async def test_a_commit_behind_another_nodes_unseen_one_waits_for_it_and_is_answered_at_once(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(around.write())
    await handled(watchlist)
    watchlist.tell(committed(around.commits(), 5))
    await handled(watchlist)
    assert around.relayed == []
    assert len(around.outcomes) == len(around.published) == 1
    around.reads()[0].reply_to(Changes(user_id="ann", epoch="e", revision=5, updates=(an_update(4), an_update(5))))
    await handled(watchlist)
    assert around.relayed_revisions() == [4, 5]


async def test_a_hint_that_the_head_moved_fills_the_gap(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(HeadMoved(3, "journal"))
    await handled(watchlist)
    assert around.reads() == []
    watchlist.tell(HeadMoved(5, "journal"))
    await handled(watchlist)
    assert [read.revision for read in around.reads()] == [3]


async def test_a_gap_older_than_the_kept_history_becomes_a_snapshot_for_every_connection(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled, devices: Devices
) -> None:
    watchlist.tell(Join(devices.connection("b")))
    watchlist.tell(remote(9000))
    await handled(watchlist)
    item = Item(
        content_id=CONTENT_ID, tag="syncd:1", added_revision=1, timestamp=HLCTimestamp(1, 0, "n"), device_id="d"
    )
    around.reads()[0].reply_to(
        Snapshot(user_id="ann", epoch="e", revision=9000, items=(item,), reason="history_pruned")
    )
    await handled(watchlist)
    joined, replayed = devices.told["b"]
    assert isinstance(joined, Joined)
    assert isinstance(replayed, Replayed)
    assert (replayed.is_recovered, replayed.revision, replayed.reason) == (False, 9000, "history_pruned")
    assert msgspec.json.decode(replayed.frames[0])["items"][0]["content_id"] == CONTENT_ID
    watchlist.tell(remote(9001))
    await handled(watchlist)
    assert around.relayed_revisions() == [9001]


async def test_a_connection_that_resumes_is_registered_before_the_journal_is_read(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection, since=1, epoch="e"))
    await handled(watchlist)
    assert [type(message) for message in around.registry] == [Register]
    (read,) = around.reads()
    assert (read.revision, read.epoch) == (1, "e")
    read.reply_to(Changes(user_id="ann", epoch="e", revision=3, updates=(an_update(2), an_update(3))))
    await handled(watchlist)
    (replayed,) = devices.told["b"]
    assert (replayed.revision, replayed.is_recovered) == (3, True)
    assert [msgspec.json.decode(frame)["revision"] for frame in replayed.frames] == [2, 3]


async def test_a_connection_that_cannot_resume_now_is_asked_to_come_again(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled, devices: Devices
) -> None:
    watchlist.tell(Join(devices.connection("b"), since=1))
    await handled(watchlist)
    around.reads()[0].reply_to(ReadFailed("the disk is gone"))
    await handled(watchlist)
    (disconnect,) = devices.told["b"]
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TRY_AGAIN_LATER


async def test_a_connection_that_leaves_is_unregistered(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection))
    watchlist.tell(Leave(connection))
    await handled(watchlist)
    assert around.registry[1] == Unregister("b")


async def test_while_the_journal_cannot_be_read_writes_are_refused_and_connections_wait(
    loading: ActorRef[WatchlistSync],
    around: ConnectionDeps,
    handled: Handled,
    devices: Devices,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchlist_sync, "RETRY_S", 0.0)
    loading.tell(around.write())
    loading.tell(Join(devices.connection("b")))
    loading.tell(HeadsLoaded(None))
    await handled(loading)
    (refusal,) = around.outcomes
    assert refusal.status is Status.REFUSED
    assert refusal.retry_after_s is not None
    while len(around.journal) < 2:  # the actor asks again by its timer
        await handled(loading)
    loading.tell(head(3))
    await handled(loading)
    assert devices.told["b"][0].revision == 3
    assert around.commits() == []


async def test_a_gap_that_cannot_be_read_is_tried_again(
    watchlist: ActorRef[WatchlistSync],
    around: ConnectionDeps,
    handled: Handled,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watchlist_sync, "RETRY_S", 0.0)
    watchlist.tell(remote(5))
    await handled(watchlist)
    around.reads()[0].reply_to(ReadFailed("locked"))
    while len(around.reads()) < 2:
        await handled(watchlist)
    assert around.reads()[1].revision == 3
    assert any(record.levelno == logging.WARNING and "locked" in record.getMessage() for record in caplog.records)


async def test_another_nodes_clock_far_ahead_is_not_followed_but_its_update_is_relayed(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(remote(4, HLCTimestamp(NOW_MS + 10 * MAX_DRIFT_MS, 0, "other")))
    watchlist.tell(around.write())
    await handled(watchlist)
    assert around.relayed_revisions() == [4]
    assert around.commits()[0].operation.timestamp.physical == NOW_MS


async def test_an_idle_actor_retires_and_one_that_is_needed_stays(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection))
    watchlist.tell(RetireIfIdle())
    await handled(watchlist)
    assert around.retired == []
    watchlist.tell(Leave(connection))
    watchlist.tell(around.write())
    watchlist.tell(RetireIfIdle())
    await handled(watchlist)
    assert around.retired == []  # somebody waits for an answer
    watchlist.tell(committed(around.commits(), 4))
    await handled(watchlist)
    watchlist.tell(RetireIfIdle())
    while watchlist.is_alive():
        await asyncio.sleep(0)
    assert around.retired == ["ann"]


async def test_a_message_behind_the_request_to_retire_keeps_the_actor(
    watchlist: ActorRef[WatchlistSync], around: ConnectionDeps, handled: Handled
) -> None:
    watchlist.tell(RetireIfIdle())
    watchlist.tell(around.write())
    await handled(watchlist)
    assert around.retired == []
    assert len(around.commits()) == 1
