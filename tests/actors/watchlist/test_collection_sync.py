"""A list beside the watchlist: in use here only while somebody needs it, with revisions of its own."""

from typing import Any
from uuid import UUID

import pytest
from msgspec import structs
from pykka import ActorRef

from actors.messages.change import Change
from actors.messages.channel import JOURNAL, HeadMoved, PubNubDeviceUpdate, PubNubListUpdate, PubNubProgressUpdate
from actors.messages.collections import DEVICES, PROGRESS, collection_of_list, line_of
from actors.messages.connection import Deliver, Join, Leave, Listed
from actors.messages.failures import ReadFailed
from actors.messages.fanout import Relay, RelayPubNubMessage
from actors.messages.journal import Commit, Committed, DeviceWrite, Operation, Outcome, Status, Update
from actors.messages.journal_reads import Changes, ChangesExpired, Head, HeadsLoaded, LoadHeads, SnapshotPage
from actors.messages.registers import RegisterChange, RegisterOperation, RegisterUpdate
from actors.messages.watchlist import RemoteUpdate, RetireIfIdle
from actors.watchlist.watchlist_sync import CROWD, WatchlistSync
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import Started
from tests.actors.watchlist.test_watchlist_sync import Handled, Others
from tests.fakes.devices import Devices

KIDS = collection_of_list("kids")
LINE = line_of("ann", KIDS)
CLOCK = HLCTimestamp(0, 0, "other")


@pytest.fixture
def others(devices: Devices) -> Others:
    return Others(devices, 0.0)


@pytest.fixture
async def user(started: Started, others: Others, handled: Handled) -> ActorRef[WatchlistSync]:
    """Ann, whose watchlist stands at 3."""
    ref = started(WatchlistSync.start("ann", others.deps(), others.retired.append))
    ref.tell(heads("ann", 3))
    await handled(ref)
    others.journal.clear()
    return ref


def heads(line: str, revision: int) -> HeadsLoaded:
    return HeadsLoaded((Head(line=line, revision=revision, clock=CLOCK),))


def write(others: Others, **more: Any) -> DeviceWrite:
    change = Change("add", str(UUID(int=1)), **more)
    return DeviceWrite(user_id="ann", device_id="tv", change=change, answer=others.outcomes.append, collection=KIDS)


def committed(commit: Commit, revision: int) -> Committed:
    operation = commit.operation
    assert isinstance(operation, Operation)
    update = Update(
        line=operation.line,
        revision=revision,
        change=operation.change,
        tags=("syncd:1",),
        timestamp=operation.timestamp,
        device_id="tv",
    )
    return Committed((commit,), (Outcome(status=Status.ADDED, update=update, is_new=True),))


def remote(revision: int) -> RemoteUpdate:
    message = PubNubListUpdate("add", str(UUID(int=1)), "t", CLOCK, "tv", revision=revision, origin="b", list="kids")
    return RemoteUpdate(message)


async def test_a_journal_that_is_away_is_asked_once_for_all_that_waits(
    started: Started, others: Others, handled: Handled, devices: Devices
) -> None:
    user = started(WatchlistSync.start("ann", others.deps(), others.retired.append))
    for collection in (PROGRESS, KIDS):
        user.tell(Join(devices.connection("b"), collection=collection))
    await handled(user)
    for _ in range(3):
        asked = tuple(others.journal)
        others.journal.clear()
        for load in asked:
            load.reply_to(HeadsLoaded(None))
        while not others.journal:  # the actor asks again by its timer
            await handled(user)
    (again,) = others.journal
    assert again.lines == ("ann", line_of("ann", PROGRESS), LINE)


async def test_a_write_to_a_list_waits_for_its_head_and_is_committed_to_its_line(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    user.tell(write(others))
    await handled(user)
    (load,) = others.journal
    assert isinstance(load, LoadHeads)
    assert load.lines == (LINE,)
    user.tell(heads(LINE, 7))
    await handled(user)
    (commit,) = others.commits()
    assert commit.operation.line == LINE
    user.tell(committed(commit, 8))
    await handled(user)
    (relay,) = others.relayed
    assert isinstance(relay, Relay)
    assert [update.revision for update in relay.updates] == [8]
    assert [outcome.revision for outcome in others.outcomes] == [8]


async def test_too_much_data_is_refused_by_its_bound(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    user.tell(write(others, data={"n": "x" * 2000}))
    user.tell(heads(LINE, 0))
    await handled(user)
    assert [(outcome.status, outcome.field) for outcome in others.outcomes] == [(Status.REFUSED, "data")]
    assert others.commits() == []


async def test_nobody_here_hears_of_a_list_that_nobody_here_needs(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    user.tell(remote(1))
    user.tell(HeadMoved(9, "b", collection=KIDS))
    await handled(user)
    assert (others.journal, others.relayed) == ([], [])


async def test_a_lists_revisions_are_not_those_of_the_watchlist(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    connection = devices.connection("tv")
    user.tell(Join(connection, collection=KIDS))
    user.tell(heads(LINE, 0))
    await handled(user)
    user.tell(remote(1))
    user.tell(remote(3))
    await handled(user)
    assert len(others.relayed) == 1
    (read,) = others.reads()
    assert (read.collection, read.revision) == (KIDS, 1)


async def test_when_the_watchlist_is_compared_with_the_journal_so_are_the_lists_in_use(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    user.tell(Join(devices.connection("tv"), collection=KIDS))
    user.tell(heads(LINE, 2))
    await handled(user)
    others.journal.clear()
    user.tell(HeadMoved(3, JOURNAL))
    await handled(user)
    (load,) = others.journal
    assert isinstance(load, LoadHeads)
    assert load.lines == (LINE,)
    load.reply_to(heads(LINE, 5))
    await handled(user)
    assert [(read.collection, read.revision) for read in others.reads()] == [(KIDS, 2)]


async def test_that_another_node_has_written_is_no_reason_to_compare_anything(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    user.tell(HeadMoved(3, JOURNAL))  # there is nothing else to compare
    await handled(user)
    assert others.journal == []
    user.tell(Join(devices.connection("tv"), collection=KIDS))
    user.tell(heads(LINE, 2))
    await handled(user)
    others.journal.clear()
    user.tell(HeadMoved(3, "b"))
    await handled(user)
    assert others.journal == []


async def test_a_comparison_shows_that_a_list_is_of_another_epoch(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    def stands_in(epoch: str) -> HeadsLoaded:
        return HeadsLoaded((Head(line=LINE, revision=2, clock=CLOCK, epoch=epoch),))

    user.tell(Join(devices.connection("tv"), collection=KIDS))
    for epoch in ("e", "e", "restored"):
        assert others.reads() == []
        user.tell(stands_in(epoch))
        await handled(user)
    assert [(read.collection, read.revision, read.epoch) for read in others.reads()] == [(KIDS, 2, "e")]


async def test_a_write_to_a_list_is_refused_while_its_head_cannot_be_read_though_others_are_known(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    user.tell(write(others))
    user.tell(HeadsLoaded(None))
    await handled(user)
    assert [(outcome.status, outcome.retry_after_s) for outcome in others.outcomes] == [(Status.REFUSED, 0.0)]
    others.journal.clear()
    while not others.journal:  # the actor asks again by its timer
        await handled(user)
    assert [load.lines for load in others.journal] == [(LINE,)]


async def test_a_list_whose_clock_is_behind_does_not_put_the_users_clock_back(
    started: Started, others: Others, handled: Handled
) -> None:
    user = started(WatchlistSync.start("ann", others.deps(), others.retired.append))
    ahead = HLCTimestamp(others.now_ms + 5_000, 7, "other")
    user.tell(HeadsLoaded((Head(line="ann", revision=3, clock=ahead),)))
    user.tell(write(others))
    user.tell(heads(LINE, 7))
    await handled(user)
    (commit,) = others.commits()
    assert commit.operation.timestamp == HLCTimestamp(ahead.physical, 8, "here")


async def test_who_follows_many_lists_keeps_in_use_what_is_written_to_now_and_then(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    def answer(load: LoadHeads) -> None:
        load.reply_to(HeadsLoaded(tuple(Head(line=line, revision=0, clock=CLOCK) for line in load.lines)))

    screen = devices.connection("screen")
    for number in range(CROWD):
        user.tell(Join(screen, collection=collection_of_list(f"followed-{number}")))
    await handled(user)
    for load in tuple(others.journal):
        answer(load)
    await handled(user)
    others.journal.clear()
    asked = []
    for name in ("a", "b", "a", "b"):
        user.tell(structs.replace(write(others), collection=collection_of_list(name)))
        await handled(user)
        for load in others.journal:
            if isinstance(load, LoadHeads):
                asked.append(load.lines)
                answer(load)
        await handled(user)
        (commit,) = others.commits()
        user.tell(Committed((commit,), (Outcome(status=Status.NOT_FOUND),)))
        others.journal.clear()
    assert asked == [(line_of("ann", collection_of_list(name)),) for name in ("a", "b")]


async def test_a_list_that_is_shown_says_which_it_is(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    user.tell(Join(devices.connection("tv"), since=1, collection=KIDS))
    user.tell(heads(LINE, 5))
    await handled(user)
    others.journal.pop().reply_to(ChangesExpired("history_pruned", 5))
    await handled(user)
    others.journal.pop().reply_to(SnapshotPage(epoch="e", revision=5, items=b""))
    await handled(user)
    (listed,) = devices.told["tv"]
    assert isinstance(listed, Listed)
    assert listed.collection == KIDS


@pytest.mark.parametrize("is_followed", [False, True])
async def test_what_devices_say_of_themselves_is_shown_where_somebody_follows_it(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled, is_followed: bool
) -> None:
    line, screen = line_of("ann", DEVICES), devices.connection("screen")
    user.tell(Join(screen, collection=DEVICES))
    user.tell(heads(line, 3))
    if not is_followed:
        user.tell(Leave(screen))
    change = RegisterChange(key="tv", says={"known": True})
    user.tell(DeviceWrite(user_id="ann", device_id="tv", change=change, answer=None, collection=DEVICES))
    await handled(user)
    user.tell(register_update(others.commits()[0], 4))
    said = PubNubDeviceUpdate(device_id="tv", operation="update", timestamp=CLOCK, revision=5, origin="b")
    user.tell(RemoteUpdate(said))
    await handled(user)
    assert [type(relay) for relay in others.relayed] == ([Relay, RelayPubNubMessage] if is_followed else [])


async def test_of_a_deleted_list_each_device_asks_for_itself(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    connection = devices.connection("tv")
    told: list[Any] = []
    connection = structs.replace(connection, tell=told.append)
    user.tell(Join(connection, collection=KIDS))
    user.tell(heads(LINE, 2))
    user.tell(HeadMoved(3, "here", collection=KIDS))
    await handled(user)
    (read,) = others.reads()
    read.reply_to(ChangesExpired("history_pruned", 3))
    await handled(user)
    joined, moved = told
    assert (joined.revision, joined.collection) == (2, KIDS)
    assert isinstance(moved, Deliver)
    assert (moved.first_revision, moved.frames, moved.collection) == (4, (), KIDS)


async def test_a_list_that_nobody_needs_any_more_is_put_out_of_use(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    screen, tv = devices.connection("screen"), devices.connection("tv")
    user.tell(Join(screen))
    user.tell(Join(tv, collection=KIDS))
    user.tell(heads(LINE, 0))
    user.tell(RetireIfIdle())
    user.tell(remote(1))
    await handled(user)
    assert len(others.relayed) == 1
    user.tell(Leave(tv))
    user.tell(RetireIfIdle())
    user.tell(remote(2))
    await handled(user)
    assert len(others.relayed) == 1
    assert others.retired == []


async def test_that_a_list_was_compared_with_the_journal_is_no_reason_to_compare_the_others(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices, handled: Handled
) -> None:
    user.tell(Join(devices.connection("tv"), collection=KIDS))
    user.tell(heads(LINE, 5))
    await handled(user)
    others.journal.clear()
    user.tell(HeadMoved(5, JOURNAL, collection=KIDS))
    await handled(user)
    assert others.journal == []


async def test_a_list_stays_in_use_while_the_journal_is_asked_about_it(
    user: ActorRef[WatchlistSync], others: Others, devices: Devices
) -> None:
    """Else who comes next would take the answer for its own."""

    async def retired() -> list[str]:
        await user.ask(RetireIfIdle(), block=False)  # with nothing behind it, which would keep the actor
        return others.retired

    tv, phone = devices.connection("tv"), devices.connection("phone")
    user.tell(Join(tv, since=2, collection=KIDS))
    user.tell(Leave(tv))
    assert await retired() == []  # where it stands
    (load,) = others.journal
    load.reply_to(heads(LINE, 5))
    user.tell(Join(tv, since=2, collection=KIDS))
    assert await retired() == []
    user.tell(Leave(tv))
    assert await retired() == []  # what the TV has missed
    missed = others.journal.pop()
    user.tell(Join(phone, since=1, collection=KIDS))
    missed.reply_to(Changes(line=LINE, epoch="e", revision=5, head=5, updates=(b"{}",) * 3))
    assert await retired() == []
    others.journal.pop().reply_to(ChangesExpired("history_pruned", 5))
    user.tell(Leave(phone))
    assert await retired() == []  # what is in the list
    others.journal.pop().reply_to(ReadFailed("away"))
    assert await retired() == ["ann"]


PROGRESS_LINE = line_of("ann", PROGRESS)


def register_update(commit: Commit, revision: int) -> Committed:
    operation = commit.operation
    assert isinstance(operation, RegisterOperation)
    update = RegisterUpdate(
        line=operation.line,
        revision=revision,
        key=operation.change.key,
        values=operation.change.says or {},
        timestamp=operation.timestamp,
        device_id=operation.device_id,
    )
    return Committed((commit,), (Outcome(status=Status.UPDATED, register=update, is_new=True),))


async def test_a_word_on_a_register_is_committed_to_its_line_and_relayed(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    change = RegisterChange(key=str(UUID(int=1)), says={"position": 5, "state": "playing"})
    answer = others.outcomes.append
    user.tell(DeviceWrite(user_id="ann", device_id="tv", change=change, answer=answer, collection=PROGRESS))
    user.tell(heads(PROGRESS_LINE, 3))
    await handled(user)
    (commit,) = others.commits()
    assert isinstance(commit.operation, RegisterOperation)
    assert (commit.operation.line, commit.operation.change) == (PROGRESS_LINE, change)
    assert commit.operation.is_stamped_here  # else it would be superseded where another node's clock is ahead
    user.tell(register_update(commit, 4))
    await handled(user)
    (relay,) = others.relayed
    assert isinstance(relay, Relay)
    assert [update.revision for update in relay.updates] == [4]
    assert [outcome.status for outcome in others.outcomes] == [Status.UPDATED]


async def test_a_word_on_a_register_keeps_the_stamp_of_its_author(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled
) -> None:
    stamp = HLCTimestamp(others.now_ms - 60_000, 3, "tv")
    change = RegisterChange(key=str(UUID(int=1)), says={"position": 5}, timestamp=stamp)
    user.tell(DeviceWrite(user_id="ann", device_id="tv", change=change, answer=None, collection=PROGRESS))
    user.tell(heads(PROGRESS_LINE, 3))
    await handled(user)
    (commit,) = others.commits()
    assert isinstance(commit.operation, RegisterOperation)
    assert (commit.operation.timestamp, commit.operation.change.timestamp) == (stamp, stamp)
    assert not commit.operation.is_stamped_here


async def test_what_is_missing_of_registers_each_device_asks_for_itself(
    user: ActorRef[WatchlistSync], others: Others, handled: Handled, devices: Devices
) -> None:
    user.tell(Join(devices.connection("tv"), collection=PROGRESS))
    user.tell(heads(PROGRESS_LINE, 3))
    later = PubNubProgressUpdate(str(UUID(int=1)), 5, 10, CLOCK, "tv", "update", "playing", revision=7, origin="b")
    user.tell(RemoteUpdate(later))
    await handled(user)
    (read,) = others.reads()
    assert (read.revision, read.collection) == (3, PROGRESS)
    read.reply_to(Changes(line=PROGRESS_LINE, epoch="e", revision=7, head=7, updates=(b"{}",), revisions=(7,)))
    await handled(user)
    assert others.relayed == []
    gap = devices.told["tv"][-1]
    assert isinstance(gap, Deliver)
    assert (gap.first_revision, gap.frames, gap.collection) == (8, (), PROGRESS)
    user.tell(RemoteUpdate(structs.replace(later, revision=8)))
    await handled(user)
    assert len(others.relayed) == 1
    assert others.metrics.gaps_healed == 1
    user.tell(RemoteUpdate(structs.replace(later, revision=20)))  # which nobody has committed
    await handled(user)
    _, read = others.reads()
    read.reply_to(Changes(line=PROGRESS_LINE, epoch="e", revision=8, head=8, updates=(), revisions=()))
    await handled(user)
    assert (others.metrics.gaps_healed, others.metrics.refused["unconfirmed"]) == (1, 1)
    assert len(others.reads()) == 2  # the journal is not asked again
