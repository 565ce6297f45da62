import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from msgspec import structs
from pykka import ActorRef

from actors.messages.bus import Publish
from actors.messages.change import Change
from actors.messages.channel import HeadMoved, PubNubWatchlistUpdate
from actors.messages.close_codes import FOLLOWS_TOO_MANY, TRY_AGAIN_LATER
from actors.messages.collections import collection_of_list, line_of
from actors.messages.connection import (
    ConsumerResumed,
    Deliver,
    Disconnect,
    Join,
    Joined,
    Leave,
    Listed,
    SlowConsumer,
)
from actors.messages.conversion import device_update
from actors.messages.failures import ReadFailed
from actors.messages.fanout import RegisterConnection, Relay, RelayMissed, RelayPubNubMessage, UnregisterConnection
from actors.messages.journal import Commit, Committed, DeviceWrite, Operation, Outcome, Status, Update
from actors.messages.journal_reads import (
    Changes,
    ChangesExpired,
    Head,
    HeadsLoaded,
    LoadHeads,
    ReadChanges,
    ReadSnapshotPage,
    SnapshotPage,
)
from actors.messages.watchlist import RemoteUpdate, RetireIfIdle
from actors.metrics import BusMetrics, WriteMetrics
from actors.tracing import Span, Tracer
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.watchlist_sync import CROWD, MAX_WAITING_HINTS, MAX_WAITING_WRITES, WatchlistSync
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started, content
from tests.fakes.devices import Devices

Handled = Callable[[ActorRef[Any]], Awaitable[object]]

NOW_MS = 1_764_000_000_000
MAX_DRIFT_MS = 60_000
SLICE_ROWS = 4
CONTENT_ID = content(1)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_update(revision: int, device_id: str = "tv") -> Update:
    return Update(
        line="ann",
        revision=revision,
        change=Change("add", content(1)),
        tags=(f"syncd:{revision}",),
        timestamp=HLCTimestamp(NOW_MS, revision, "other"),
        device_id=device_id,
    )


def changes(since: int, revision: int, head: int | None = None) -> Changes:
    """The journal's answer to who asks for what came after ``since``."""
    updates = tuple(msgspec.json.encode(device_update(an_update(n))) for n in range(since + 1, revision + 1))
    return Changes(line="ann", epoch="e", revision=revision, head=head or revision, updates=updates)


def remote(revision: int, timestamp: HLCTimestamp | None = None) -> RemoteUpdate:
    update = an_update(revision)
    stamp = timestamp or update.timestamp
    return RemoteUpdate(
        PubNubWatchlistUpdate("add", CONTENT_ID, update.tags[0], stamp, "tv", revision=revision, origin="other")
    )


class Others:
    """Record what the actor tells them; the journal is played by hand."""

    def __init__(self, devices: Devices, retry_s: float) -> None:
        self.devices = devices
        self.retry_s = retry_s
        self.now_ms = NOW_MS
        self.journal: list[Any] = []
        self.registry: list[Any] = []
        self.relayed: list[Relay | RelayMissed | RelayPubNubMessage] = []
        self.published: list[Publish] = []
        self.retired: list[str] = []
        self.outcomes: list[Outcome] = []
        self.metrics = BusMetrics()
        self.write_metrics = WriteMetrics()
        self.spans: list[Span] = []
        self.tracer = Tracer(self.spans.append)

    def deps(self) -> WatchlistDeps:
        return WatchlistDeps(
            node="here",
            now_ms=lambda: self.now_ms,
            max_clock_drift_ms=MAX_DRIFT_MS,
            journal=self.journal.append,
            registry=self.registry.append,
            broadcaster=self.relayed.append,
            publisher=self.published.append,
            frame=self.devices.frame,
            fragments=self.devices.fragments,
            cursor_of=self.devices.cursor_of,
            bus_metrics=self.metrics,
            write_metrics=self.write_metrics,
            now_s=lambda: self.now_ms / 1000,
            tracer=self.tracer,
            show_lists=lambda _: None,
            retry_s=self.retry_s,
            slice_rows=SLICE_ROWS,
        )

    def write(self, **fields: Any) -> DeviceWrite:
        """Return a write of Ann's phone; ``fields`` of the change, or of the write."""
        of_write = {name: fields.pop(name) for name in ("answer", "removed_tags", "trace") if name in fields}
        change = Change(fields.pop("action", "add"), content(1), **fields)
        defaults: dict[str, Any] = {
            "user_id": "ann",
            "device_id": "phone",
            "change": change,
            "answer": self.outcomes.append,
        }
        return DeviceWrite(**defaults | of_write)

    def commits(self) -> list[Commit]:
        return [message for message in self.journal if isinstance(message, Commit)]

    def reads(self) -> list[ReadChanges]:
        return [message for message in self.journal if isinstance(message, ReadChanges)]

    def relayed_revisions(self) -> list[int | None]:
        revisions: list[int | None] = []
        for relay in self.relayed:
            match relay:
                case Relay(updates=updates):
                    revisions += [update.revision for update in updates]
                case RelayMissed(updates=missed):
                    revisions += [msgspec.json.decode(update)["revision"] for update in missed]
                case RelayPubNubMessage(message=PubNubWatchlistUpdate(revision=revision)):
                    revisions.append(revision)
        return revisions


@pytest.fixture
def retry_s() -> float:
    return 0.0


@pytest.fixture
def others(devices: Devices, retry_s: float) -> Others:
    return Others(devices, retry_s)


@pytest.fixture
async def loading(started: Started, others: Others, handled: Handled) -> ActorRef[WatchlistSync]:
    """An actor that the journal has not answered yet."""
    ref = started(WatchlistSync.start("ann", others.deps(), others.retired.append))
    await handled(ref)
    return ref


def head(revision: int, clock: HLCTimestamp | None = None, epoch: str = "") -> HeadsLoaded:
    clock = clock or HLCTimestamp(0, 0, "other")
    return HeadsLoaded((Head(line="ann", revision=revision, clock=clock, epoch=epoch),))


@pytest.fixture
async def unwatched(loading: ActorRef[WatchlistSync], others: Others, handled: Handled) -> ActorRef[WatchlistSync]:
    """An actor at revision 3; no device is connected."""
    loading.tell(head(3))
    await handled(loading)
    others.journal.clear()
    return loading


@pytest.fixture
async def watchlist(
    unwatched: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> ActorRef[WatchlistSync]:
    """An actor at revision 3, with a device connected."""
    unwatched.tell(Join(devices.connection("screen")))
    await handled(unwatched)
    others.registry.clear()
    return unwatched


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
    loading: ActorRef[WatchlistSync], others: Others
) -> None:
    (load,) = others.journal
    assert isinstance(load, LoadHeads)
    assert load.lines == ("ann",)


async def test_what_comes_before_the_head_is_known_waits_and_keeps_its_order(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    loading.tell(others.write(operation_id="first"))
    loading.tell(Join(devices.connection("b")))
    loading.tell(others.write(operation_id="second"))
    await handled(loading)
    assert others.commits() == []
    loading.tell(head(3))
    await handled(loading)
    assert [commit.operation.change.operation_id for commit in others.commits()] == ["first", "second"]
    assert devices.told["b"][0].revision == 3


async def test_a_write_is_stamped_and_goes_to_the_journal_before_anybody_is_told(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(operation_id="op", observed=2))
    await handled(watchlist)
    (commit,) = others.commits()
    assert commit.operation == Operation(
        line="ann",
        device_id="phone",
        change=Change("add", content(1), operation_id="op", observed=2),
        timestamp=HLCTimestamp(NOW_MS, 0, "here"),
        is_stamped_here=True,
    )
    assert (others.relayed, others.published, others.outcomes) == ([], [], [])


async def test_a_foreign_remove_takes_its_tags_to_the_journal(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(action="remove", removed_tags=("a", "b")))
    await handled(watchlist)
    (commit,) = others.commits()
    assert isinstance(commit.operation, Operation)
    assert commit.operation.removed_tags == ("a", "b")


async def test_writes_do_not_wait_for_each_others_commits(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    for _ in range(3):
        watchlist.tell(others.write())
    await handled(watchlist)
    stamps = [commit.operation.timestamp for commit in others.commits()]
    assert stamps == [HLCTimestamp(NOW_MS, n, "here") for n in range(3)]


async def test_a_commit_relays_publishes_and_answers_the_writer(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write())
    await handled(watchlist)
    others.now_ms += 250
    watchlist.tell(committed(others.commits(), 4))
    await handled(watchlist)
    assert others.relayed_revisions() == [4]
    assert others.published == [Publish("ann", an_update(4))]
    assert [outcome.status for outcome in others.outcomes] == [Status.ADDED]
    assert +others.write_metrics.outcomes == {("watchlist", "added"): 1}
    assert list(others.write_metrics.commit_latency.latest) == [0.25]


async def test_with_nobody_connected_here_and_no_bus_nothing_is_relayed(
    started: Started, others: Others, handled: Handled, devices: Devices
) -> None:
    deps = structs.replace(others.deps(), publisher=None)
    watchlist = started(WatchlistSync.start("ann", deps, others.retired.append))
    watchlist.tell(head(3))
    watchlist.tell(others.write())
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 4))
    await handled(watchlist)
    assert others.relayed == []
    assert [outcome.status for outcome in others.outcomes] == [Status.ADDED]
    watchlist.tell(Join(devices.connection("screen")))
    watchlist.tell(committed(others.commits(), 5))
    await handled(watchlist)
    assert others.relayed_revisions() == [5]


async def test_updates_of_one_transaction_are_relayed_together(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    for _ in range(3):
        watchlist.tell(others.write())
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 4, 5, 6))
    await handled(watchlist)
    assert len(others.relayed) == 1
    assert others.relayed_revisions() == [4, 5, 6]


async def test_a_retrys_answer_is_given_but_not_relayed_again(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(operation_id="op"))
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 2, is_new=False))
    await handled(watchlist)
    assert (others.relayed, others.published) == ([], [])
    assert others.outcomes[0].update == an_update(2)


async def test_a_retry_that_shows_another_nodes_unseen_revision_fills_the_gap(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(operation_id="op"))
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 5, is_new=False))
    await handled(watchlist)
    assert [read.revision for read in others.reads()] == [3]


async def test_a_write_without_effect_is_answered_only(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(action="remove"))
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), None))
    await handled(watchlist)
    assert (others.relayed, others.published) == ([], [])
    assert [outcome.status for outcome in others.outcomes] == [Status.NOT_FOUND]


async def test_a_stamp_too_far_ahead_is_refused_by_name_and_not_followed(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(timestamp=HLCTimestamp(NOW_MS + 10 * MAX_DRIFT_MS, 0, "phone")))
    watchlist.tell(others.write())
    await handled(watchlist)
    (refusal,) = others.outcomes
    assert refusal.status is Status.REFUSED
    assert refusal.field == "timestamp"
    assert "600000 ms" in str(refusal.reason)
    assert [commit.operation.timestamp.physical for commit in others.commits()] == [NOW_MS]


async def test_a_devices_own_stamp_is_kept_and_the_clock_goes_on_above_it(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    ahead = HLCTimestamp(NOW_MS + 1000, 7, "phone")
    watchlist.tell(others.write(timestamp=ahead))
    watchlist.tell(others.write())
    await handled(watchlist)
    first, second = (commit.operation.timestamp for commit in others.commits())
    assert [commit.operation.is_stamped_here for commit in others.commits()] == [False, True]
    assert first == ahead
    assert second > ahead
    assert second.node == "here"


async def test_the_clock_goes_on_above_what_other_nodes_have_stamped_unless_that_is_too_far_ahead(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = HLCTimestamp(NOW_MS + 1000, 7, "other")
    watchlist.tell(remote(4, ahead))
    watchlist.tell(remote(5, HLCTimestamp(NOW_MS + 10 * MAX_DRIFT_MS, 0, "other")))
    watchlist.tell(others.write())
    await handled(watchlist)
    (commit,) = others.commits()
    assert ahead < commit.operation.timestamp < HLCTimestamp(NOW_MS + 1001, 0, "here")
    assert others.relayed_revisions() == [4, 5]
    assert "the clock of node other is not followed" in caplog.text


async def test_the_clock_starts_above_what_the_journal_has_even_if_the_wall_clock_stepped_back(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    stored = HLCTimestamp(NOW_MS + 5, 3, "other")
    loading.tell(head(3, stored))
    loading.tell(others.write())
    await handled(loading)
    assert others.commits()[0].operation.timestamp == HLCTimestamp(NOW_MS + 5, 4, "here")


async def test_another_nodes_next_revision_is_relayed_and_its_echo_dropped(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    for revision in (4, 4, 3, 5):
        watchlist.tell(remote(revision))
    await handled(watchlist)
    assert others.relayed_revisions() == [4, 5]
    assert others.published == []
    assert others.metrics.duplicates == 2


async def test_a_gap_is_filled_from_the_journal_in_order_and_once(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(remote(6))
    watchlist.tell(remote(7))
    await handled(watchlist)
    assert others.relayed == []
    (read,) = others.reads()
    assert read.revision == 3
    read.reply_to(changes(3, 6))
    await handled(watchlist)
    assert others.relayed_revisions() == [4, 5, 6]
    again = others.reads()[1]
    assert again.revision == 6  # 7 was seen meanwhile
    again.reply_to(changes(6, 7))
    await handled(watchlist)
    assert others.relayed_revisions() == [4, 5, 6, 7]
    assert others.metrics.gaps_healed == 2


async def test_a_commit_behind_another_nodes_unseen_one_waits_for_it_and_is_answered_at_once(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write())
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 5))
    await handled(watchlist)
    assert others.relayed == []
    assert len(others.outcomes) == len(others.published) == 1
    others.reads()[0].reply_to(changes(3, 5))
    await handled(watchlist)
    assert others.relayed_revisions() == [4, 5]


@pytest.mark.actors_may_fail
async def test_a_gap_is_filled_though_the_answer_to_the_commit_that_showed_it_is_a_defect(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    def fail(_: Outcome) -> None:
        raise KeyError

    watchlist.tell(others.write(answer=fail))
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 5))
    await handled(watchlist)
    assert [read.revision for read in others.reads()] == [3]


async def test_a_hint_that_the_head_moved_fills_the_gap(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(HeadMoved(3, "journal"))
    await handled(watchlist)
    assert others.reads() == []
    watchlist.tell(HeadMoved(5, "journal"))
    await handled(watchlist)
    assert [read.revision for read in others.reads()] == [3]


async def test_a_long_gap_is_filled_slice_by_slice_and_counts_once(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(HeadMoved(12, "journal"))
    await handled(watchlist)
    for since, revision in ((3, 7), (7, 11), (11, 12)):
        read = others.reads()[-1]
        assert (read.revision, read.limit) == (since, SLICE_ROWS)
        read.reply_to(changes(since, revision, head=12))
        await handled(watchlist)
    assert others.relayed_revisions() == list(range(4, 13))
    assert len(others.reads()) == 3
    assert others.metrics.gaps_healed == 1


async def test_a_head_that_the_journal_does_not_confirm_costs_one_look(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(HeadMoved(10**9, "forged"))
    await handled(watchlist)
    others.reads()[0].reply_to(changes(3, 3))
    await handled(watchlist)
    assert len(others.reads()) == 1
    assert (others.metrics.gaps_healed, others.metrics.refused) == (0, {"unconfirmed": 1})
    watchlist.tell(remote(4))
    await handled(watchlist)
    assert others.relayed_revisions() == [4]
    assert len(others.reads()) == 1


async def test_a_change_that_comes_during_a_look_for_a_wrong_head_is_not_lost_with_it(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(HeadMoved(10**9, "forged"))
    await handled(watchlist)
    watchlist.tell(HeadMoved(4, "other"))  # committed after the journal had read
    others.reads()[0].reply_to(changes(3, 3))
    await handled(watchlist)
    assert [read.revision for read in others.reads()] == [3, 3]
    others.reads()[1].reply_to(changes(3, 4))
    await handled(watchlist)
    assert others.relayed_revisions() == [4]
    assert len(others.reads()) == 2


async def test_a_message_from_before_a_restore_costs_one_look_and_devices_come_again_for_the_restored_list(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    watchlist.tell(remote(50))
    await handled(watchlist)
    others.reads()[0].reply_to(ChangesExpired("epoch_changed", 1))
    await handled(watchlist)
    (disconnect,) = devices.told["screen"][1:]
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TRY_AGAIN_LATER
    watchlist.tell(remote(2))
    await handled(watchlist)
    assert others.relayed_revisions() == []
    assert isinstance(others.journal[-1], LoadHeads)
    watchlist.tell(head(1, epoch="restored"))
    await handled(watchlist)
    assert len(others.reads()) == 1
    assert others.relayed_revisions() == [2]
    watchlist.tell(remote(4))
    await handled(watchlist)
    assert [read.revision for read in others.reads()] == [3, 2]  # it heals gaps as ever


async def test_after_a_restore_nobody_is_shown_the_list_that_is_still_being_sent_to_others(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    async def shown(name: str) -> list[ReadSnapshotPage]:
        """Let a connection be shown the list as it is, and return what the journal was asked for it."""
        watchlist.tell(Join(devices.connection(name), since=1))
        await handled(watchlist)
        others.journal.pop().reply_to(ChangesExpired("history_pruned", 3))
        await handled(watchlist)
        return [message for message in others.journal if isinstance(message, ReadSnapshotPage)]

    (page,) = await shown("b")
    others.journal.clear()
    page.reply_to(SnapshotPage(epoch="e", revision=3, items=b""))
    await handled(watchlist)
    assert await shown("c") == []  # which the first has taken, too
    watchlist.tell(remote(50))
    await handled(watchlist)
    others.journal.pop().reply_to(ChangesExpired("epoch_changed", 3))
    watchlist.tell(head(3, epoch="restored"))
    assert len(await shown("d")) == 1


@pytest.fixture
async def in_epoch(
    loading: ActorRef[WatchlistSync], handled: Handled, devices: Devices, others: Others
) -> ActorRef[WatchlistSync]:
    """An actor at revision 3 of epoch ``e``; a device is connected."""
    loading.tell(Join(devices.connection("screen")))
    loading.tell(head(3, epoch="e"))
    await handled(loading)
    return loading


async def test_a_commit_of_another_epoch_is_answered_and_published_and_devices_come_again(
    in_epoch: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    in_epoch.tell(others.write())
    await handled(in_epoch)
    in_epoch.tell(structs.replace(committed(others.commits(), 4), epoch="promoted"))
    await handled(in_epoch)
    assert [outcome.revision for outcome in others.outcomes] == [4]
    assert others.published == [Publish("ann", an_update(4), "promoted")]
    assert others.relayed_revisions() == []
    (read,) = others.reads()
    assert (read.revision, read.epoch) == (3, "e")
    read.reply_to(ChangesExpired("epoch_changed", 4))
    await handled(in_epoch)
    assert isinstance(devices.told["screen"][-1], Disconnect)
    in_epoch.tell(head(4, epoch="promoted"))
    in_epoch.tell(RemoteUpdate(structs.replace(remote(5).message, epoch="promoted")))
    await handled(in_epoch)
    assert others.relayed_revisions() == [5]


async def test_an_update_of_another_epoch_costs_one_look_and_no_device_is_shown_it(
    in_epoch: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    in_epoch.tell(RemoteUpdate(structs.replace(remote(4).message, epoch="before")))
    await handled(in_epoch)
    (read,) = others.reads()
    read.reply_to(changes(3, 3))
    in_epoch.tell(RemoteUpdate(structs.replace(remote(4).message, epoch="e")))
    await handled(in_epoch)
    assert others.relayed_revisions() == [4]
    assert len(others.reads()) == 1
    assert not [told for told in devices.told["screen"] if isinstance(told, Disconnect)]


async def test_a_head_of_another_epoch_makes_it_look_however_low_it_is(
    in_epoch: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    in_epoch.tell(HeadMoved(3, "journal", "e"))
    await handled(in_epoch)
    assert others.reads() == []
    in_epoch.tell(HeadMoved(1, "journal", "promoted"))
    await handled(in_epoch)
    assert len(others.reads()) == 1


async def test_what_a_connection_has_missed_may_show_another_epoch(
    in_epoch: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    in_epoch.tell(Join(devices.connection("b"), since=1))
    await handled(in_epoch)
    others.reads()[0].reply_to(structs.replace(changes(1, 3), epoch="promoted"))
    await handled(in_epoch)
    assert [(read.revision, read.epoch) for read in others.reads()] == [(1, None), (3, "e")]


async def test_a_gap_older_than_the_kept_history_is_left_to_every_connection(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection))
    watchlist.tell(remote(9000))
    await handled(watchlist)
    others.reads()[0].reply_to(ChangesExpired("history_pruned", 9000))
    await handled(watchlist)
    (asked,) = devices.told["screen"][1:]
    assert (asked.first_revision, asked.frames) == (9001, ())
    assert isinstance(asked, Deliver)
    assert others.metrics.gaps_healed == 1
    assert len(devices.told["b"]) == 2
    watchlist.tell(Join(connection, since=3))  # as a connection does that is told so
    await handled(watchlist)
    others.reads()[1].reply_to(ChangesExpired("history_pruned", 9000))
    await handled(watchlist)
    (page,) = (message for message in others.journal if isinstance(message, ReadSnapshotPage))
    assert (page.after, page.limit) == (None, SLICE_ROWS)
    page.reply_to(SnapshotPage(epoch="e", revision=9000, items=b'{"content_id":"x"}'))
    await handled(watchlist)
    listed = devices.told["b"][2]
    assert isinstance(listed, Listed)
    assert (listed.part.revision, listed.reason) == (9000, "history_pruned")
    assert msgspec.json.decode(listed.part.frames[0])["items"] == [{"content_id": "x"}]
    watchlist.tell(remote(9001))
    await handled(watchlist)
    assert others.relayed_revisions() == [9001]


async def test_what_connections_have_missed_may_show_a_gap_of_the_node(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    watchlist.tell(Join(devices.connection("b"), since=1))
    await handled(watchlist)
    others.reads()[0].reply_to(changes(1, 5, head=7))
    await handled(watchlist)
    (replayed,) = devices.told["b"]
    assert (replayed.revision, replayed.head) == (5, 7)
    assert [read.revision for read in others.reads()] == [1, 3]


async def test_a_connection_that_has_left_is_not_told_what_was_read_for_it(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection, since=1))
    await handled(watchlist)
    others.reads()[0].reply_to(ChangesExpired("history_pruned", 3))
    watchlist.tell(Leave(connection))
    await handled(watchlist)
    (page,) = (message for message in others.journal if isinstance(message, ReadSnapshotPage))
    page.reply_to(SnapshotPage(epoch="e", revision=3, items=b""))
    await handled(watchlist)
    assert devices.told["b"] == []


async def test_a_connection_that_has_left_is_not_told_what_it_has_missed(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection, since=1))
    watchlist.tell(Leave(connection))
    await handled(watchlist)
    others.reads()[0].reply_to(changes(1, 3))
    await handled(watchlist)
    assert devices.told["b"] == []


async def test_a_connection_that_leaves_before_the_head_is_known_does_not_join_when_it_is(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    gone, other = devices.connection("gone"), devices.connection("other")
    for message in (Join(gone), Join(other), Leave(gone), head(3)):
        loading.tell(message)
    await handled(loading)
    assert [message.connection_id for message in others.registry if isinstance(message, UnregisterConnection)] == [
        "gone"
    ]
    assert [message.connection for message in others.registry if isinstance(message, RegisterConnection)] == [other]
    assert devices.told["gone"] == []
    loading.tell(Leave(other))
    await loading.ask(RetireIfIdle(), block=False)
    assert others.retired == ["ann"]


async def test_a_connection_that_resumes_is_registered_before_the_journal_is_read(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection, since=1, epoch="e"))
    await handled(watchlist)
    assert [type(message) for message in others.registry] == [RegisterConnection]
    (read,) = others.reads()
    assert (read.revision, read.epoch) == (1, "e")
    read.reply_to(changes(1, 3))
    await handled(watchlist)
    (replayed,) = devices.told["b"]
    assert (replayed.revision, replayed.head) == (3, 3)
    assert [msgspec.json.decode(frame)["revision"] for frame in replayed.frames] == [2, 3]


async def test_a_connection_that_cannot_resume_now_is_asked_to_come_again(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    watchlist.tell(Join(devices.connection("b"), since=1))
    await handled(watchlist)
    others.reads()[0].reply_to(ReadFailed("the disk is gone"))
    await handled(watchlist)
    (disconnect,) = devices.told["b"]
    assert isinstance(disconnect, Disconnect)
    assert disconnect.close is TRY_AGAIN_LATER


async def test_a_connection_that_leaves_is_unregistered(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    watchlist.tell(Join(connection))
    watchlist.tell(Leave(connection))
    await handled(watchlist)
    assert others.registry[1] == UnregisterConnection("b")


async def test_while_the_journal_cannot_be_read_writes_are_refused_and_connections_wait(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    loading.tell(others.write())
    loading.tell(Join(devices.connection("b")))
    loading.tell(HeadsLoaded(None))
    await handled(loading)
    (refusal,) = others.outcomes
    assert refusal.status is Status.REFUSED
    assert refusal.retry_after_s is not None
    while len(others.journal) < 2:  # the actor asks again by its timer
        await handled(loading)
    loading.tell(head(3))
    await handled(loading)
    assert devices.told["b"][0].revision == 3
    assert others.commits() == []


async def test_what_other_nodes_say_meanwhile_is_bounded_and_the_journal_has_the_rest(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    loading.tell(Join(others.devices.connection("b")))
    for revision in range(1, MAX_WAITING_HINTS + 11):
        loading.tell(remote(revision))
    loading.tell(Join(others.devices.connection("c")))  # whose place nobody takes
    loading.tell(head(0))
    await handled(loading)
    assert others.relayed_revisions() == [*range(1, MAX_WAITING_HINTS)]  # and a connection waited with them
    assert len(others.devices.told["c"]) == 1
    loading.tell(remote(MAX_WAITING_HINTS + 11))
    await handled(loading)
    assert [read.revision for read in others.reads()] == [MAX_WAITING_HINTS - 1]


async def test_no_more_writes_wait_for_heads_than_may_whatever_lists_they_are_of(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    of_a_list = structs.replace(others.write(), collection=collection_of_list("kids"))
    for _ in range(MAX_WAITING_WRITES // 2):
        loading.tell(others.write())
        loading.tell(of_a_list)
    await handled(loading)
    assert others.outcomes == []
    loading.tell(others.write())
    loading.tell(of_a_list)
    loading.tell(structs.replace(others.write(), collection=collection_of_list("new")))  # which is not begun
    await handled(loading)
    assert [one.reason for one in others.outcomes] == [
        f"more than {MAX_WAITING_WRITES} writes of this user wait already"
    ] * 3
    assert all(one.retry_after_s is not None for one in others.outcomes)
    assert others.write_metrics.too_many_waiting == 3
    assert [one.lines for one in others.journal] == [("ann",), (line_of("ann", collection_of_list("kids")),)]
    loading.tell(head(0))
    await handled(loading)
    assert len(others.commits()) == MAX_WAITING_WRITES // 2
    others.outcomes.clear()
    loading.tell(of_a_list)  # there is room again, and of the watchlist nothing has to wait
    loading.tell(others.write())
    await handled(loading)
    assert len(others.commits()) == MAX_WAITING_WRITES // 2 + 1
    assert others.outcomes == []


async def test_after_a_failure_as_many_writes_may_wait_as_before(
    loading: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    for _ in range(MAX_WAITING_WRITES):
        loading.tell(others.write())
    loading.tell(HeadsLoaded(None))
    await handled(loading)
    others.outcomes.clear()
    loading.tell(others.write())
    await handled(loading)
    assert others.outcomes == []


async def test_a_number_in_place_of_a_stamp_goes_no_further_however_large_it_is(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(others.write(timestamp=2**70))
    await handled(watchlist)
    (commit,) = others.commits()
    assert (commit.operation.change.timestamp, commit.operation.is_stamped_here) == (None, True)
    assert commit.operation.timestamp.physical == NOW_MS


async def test_a_gap_that_cannot_be_read_is_tried_again(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    watchlist.tell(remote(5))
    await handled(watchlist)
    others.reads()[0].reply_to(ReadFailed("locked"))
    while len(others.reads()) < 2:
        await handled(watchlist)
    assert others.reads()[1].revision == 3
    assert any(record.levelno == logging.WARNING and "locked" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("retry_s", [3600.0])
async def test_a_gap_that_cannot_be_read_is_left_alone_until_the_pause_is_over(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(remote(5))
    await handled(watchlist)
    others.reads()[0].reply_to(ReadFailed("locked"))
    for revision in (6, 7):
        watchlist.tell(remote(revision))
    for _ in range(3):  # a pause of no length is over at the next turn of the loop
        await handled(watchlist)
    assert len(others.reads()) == 1


async def test_another_nodes_clock_far_ahead_is_not_followed_but_its_update_is_relayed(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(remote(4, HLCTimestamp(NOW_MS + 10 * MAX_DRIFT_MS, 0, "other")))
    watchlist.tell(others.write())
    await handled(watchlist)
    assert others.relayed_revisions() == [4]
    assert others.commits()[0].operation.timestamp.physical == NOW_MS


async def test_an_idle_actor_retires_and_one_that_is_needed_stays(
    unwatched: ActorRef[WatchlistSync], others: Others, devices: Devices
) -> None:
    def asked_to_retire() -> Awaitable[object]:
        """Ask, with nothing behind it in the inbox that would keep the actor by itself."""
        return unwatched.ask(RetireIfIdle(), block=False)

    connection = devices.connection("b")
    unwatched.tell(Join(connection))
    await asked_to_retire()
    assert others.retired == []
    unwatched.tell(Leave(connection))
    unwatched.tell(others.write())
    await asked_to_retire()
    assert others.retired == []  # somebody waits for an answer
    unwatched.tell(committed(others.commits(), 5))
    await asked_to_retire()
    assert others.retired == []  # revision 4 is being read
    others.reads()[0].reply_to(changes(3, 5))
    await asked_to_retire()
    while unwatched.is_alive():
        await asyncio.sleep(0)
    assert others.retired == ["ann"]


async def test_of_thousands_of_lists_that_a_user_names_few_are_in_use_at_once(
    unwatched: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    screen = devices.connection("screen")
    unwatched.tell(Join(screen, collection=collection_of_list("followed")))
    for name in ("followed", *(f"list-{number}" for number in range(CROWD))):
        write = structs.replace(others.write(), collection=collection_of_list(name))
        line = line_of("ann", write.collection)
        unwatched.tell(write)
        unwatched.tell(HeadsLoaded((Head(line=line, revision=0, clock=HLCTimestamp(0, 0, "")),)))
        await handled(unwatched)
        others.commits()[-1].reply_to(Committed((others.commits()[-1],), (Outcome(status=Status.NOT_FOUND),)))
        await handled(unwatched)
    others.journal.clear()
    for name in ("followed", "list-0", f"list-{CROWD - 1}"):
        unwatched.tell(structs.replace(others.write(), collection=collection_of_list(name)))
    await handled(unwatched)
    assert len(others.commits()) == 2  # of what is followed, and of what came since the last crowd
    assert [message.lines for message in others.journal if isinstance(message, LoadHeads)] == [
        (line_of("ann", collection_of_list("list-0")),)
    ]


async def test_no_more_collections_are_followed_than_there_is_room_for(
    started: Started, others: Others, handled: Handled, devices: Devices
) -> None:
    ref = started(WatchlistSync.start("ann", structs.replace(others.deps(), max_followed=3), others.retired.append))

    def follow(name: str) -> Leave:
        connection = devices.connection(name)
        ref.tell(Join(connection, collection=collection_of_list(name)))
        return Leave(connection)

    leave_a, _, _ = follow("a"), follow("b"), follow("c")  # with the watchlist four
    lines = ("ann", line_of("ann", "list:a"), line_of("ann", "list:b"))
    ref.tell(HeadsLoaded(tuple(Head(line=line, revision=0, clock=HLCTimestamp(0, 0, "")) for line in lines)))
    follow("b")
    await handled(ref)
    assert [[type(message) for message in told] for told in devices.told.values()] == [[Joined], [Joined], [Disconnect]]
    assert [message.close for message in devices.told["c"] if isinstance(message, Disconnect)] == [FOLLOWS_TOO_MANY]
    assert +others.write_metrics.refusals == {"followed_per_user": 1}
    devices.told["c"].clear()
    ref.tell(leave_a)
    ref.tell(RetireIfIdle())  # the sweep
    follow("c")
    ref.tell(HeadsLoaded((Head(line=line_of("ann", "list:c"), revision=0, clock=HLCTimestamp(0, 0, "")),)))
    await handled(ref)
    assert [type(message) for message in devices.told["c"]] == [Joined]


async def test_a_message_behind_the_request_to_retire_keeps_the_actor(
    unwatched: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    unwatched.tell(RetireIfIdle())
    unwatched.tell(others.write())
    await handled(unwatched)
    assert others.retired == []
    assert len(others.commits()) == 1


async def test_who_comes_before_the_head_is_known_keeps_the_actor_though_it_was_asked_to_retire_before(
    started: Started, others: Others, devices: Devices, handled: Handled
) -> None:
    user = started(WatchlistSync.start("ann", others.deps(), others.retired.append))
    user.tell(RetireIfIdle())
    await handled(user)
    user.tell(Join(devices.connection("b")))
    await handled(user)
    await user.ask(head(4), block=False)  # with nothing behind it in the inbox that would keep the actor by itself
    assert others.retired == []


async def test_a_second_answer_about_the_head_changes_nothing(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    watchlist.tell(head(9))
    watchlist.tell(remote(4))
    await handled(watchlist)
    assert others.relayed_revisions() == [4]


async def test_what_a_device_says_of_its_reading_goes_to_the_registry(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    connection = devices.connection("b")
    said = [SlowConsumer(connection, frames=1, size_bytes=80), ConsumerResumed(connection)]
    for message in said:
        watchlist.tell(message)
    await handled(watchlist)
    assert others.registry == said


@pytest.mark.parametrize(("revision", "is_taken"), [(4, True), (None, False)])
async def test_a_write_that_nobody_waits_for_is_counted_if_it_is_refused(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled, revision: int | None, is_taken: bool
) -> None:
    watchlist.tell(others.write(answer=None))
    await handled(watchlist)
    answer = committed(others.commits(), revision)
    if revision is None:
        answer = Committed(answer.commits, (Outcome(status=Status.REFUSED, reason="the tag is taken"),))
    watchlist.tell(answer)
    await handled(watchlist)
    assert others.metrics.refused == ({} if is_taken else {"not_taken": 1})


async def test_a_traced_write_is_told_of_when_it_is_committed_and_when_it_is_answered(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    trace = others.tracer.accept(TRACEPARENT, "ann", "phone", "http")
    watchlist.tell(others.write(trace=trace))
    await handled(watchlist)
    watchlist.tell(committed(others.commits(), 4))
    await handled(watchlist)
    assert [(span.stage, span.revision) for span in others.spans] == [
        ("accepted", None),
        ("committed", 4),
        ("answered", 4),
    ]
    assert others.tracer.committed("ann", 4) is not None


async def test_another_nodes_traced_update_is_traced_here_and_ones_own_echo_is_not(
    watchlist: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    for revision, origin in ((4, "here"), (5, "other")):
        update = structs.replace(remote(revision).message, origin=origin, traceparent=TRACEPARENT)
        watchlist.tell(RemoteUpdate(update))
    await handled(watchlist)
    assert [(span.stage, span.revision, span.details) for span in others.spans] == [
        ("received", 5, {"origin": "other"})
    ]
