from actors.connection.pending_frames import PendingFrames
from actors.messages.collections import WATCHLIST
from actors.messages.connection import MAX_WAITING_BYTES, MAX_WAITING_FRAMES, Deliver


def deliver(first_revision: int | None, frames: int = 1, frame: bytes = b"x") -> Deliver:
    return Deliver(first_revision, (frame,) * frames)


def test_what_comes_waits_in_order_and_the_newest_revision_is_known() -> None:
    pending = PendingFrames()
    assert (pending.deliveries, pending.newest) == ([], {})
    deliveries = [deliver(4, frames=3), deliver(None), deliver(5)]
    for delivery in deliveries:
        pending.add(delivery)
    assert pending.deliveries == deliveries
    assert pending.newest == {WATCHLIST: 6}


def test_the_bound_of_frames_may_be_reached_and_not_passed() -> None:
    pending = PendingFrames()
    pending.add(deliver(1, frames=MAX_WAITING_FRAMES - 1))
    pending.add(deliver(MAX_WAITING_FRAMES))
    assert len(pending.deliveries) == 2
    pending.add(deliver(MAX_WAITING_FRAMES + 1))
    assert pending.deliveries == []
    assert pending.newest == {WATCHLIST: MAX_WAITING_FRAMES + 1}


def test_the_bound_of_bytes_may_be_reached_and_not_passed() -> None:
    pending = PendingFrames()
    pending.add(deliver(1, frame=b"x" * MAX_WAITING_BYTES))
    assert len(pending.deliveries) == 1
    pending.add(deliver(2))
    assert pending.deliveries == []
    assert pending.newest == {WATCHLIST: 2}


def test_after_the_bound_was_passed_there_is_room_again() -> None:
    pending = PendingFrames()
    pending.add(deliver(1, frames=MAX_WAITING_FRAMES + 1))
    later = deliver(MAX_WAITING_FRAMES + 2, frames=MAX_WAITING_FRAMES)
    pending.add(later)
    assert pending.deliveries == [later]


def test_of_a_delivery_without_frames_only_what_it_says_of_revisions_is_kept() -> None:
    pending = PendingFrames()
    for _ in range(3):
        pending.add(Deliver(8, ()))
    pending.add(Deliver(6, (b"6",)))
    assert (pending.newest, [delivery.first_revision for delivery in pending.deliveries]) == ({WATCHLIST: 7}, [6])


def test_the_newest_is_known_of_each_collection() -> None:
    pending = PendingFrames()
    for collection, revision in (("list:kids", 3), (WATCHLIST, 9), ("list:kids", 2)):
        pending.add(Deliver(revision, (b"x",), collection))
    assert pending.newest == {"list:kids": 3, WATCHLIST: 9}
