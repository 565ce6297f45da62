import pickle
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crdt.hlc import (
    MAX_LOGICAL,
    MAX_PHYSICAL,
    ClockDriftError,
    HLCTimestamp,
    receive,
    tick,
)
from tests.crdt.strategies import timestamps

BOUND_MS = 60_000


def at(physical: int, logical: int = 0, node: str = "here") -> HLCTimestamp:
    return HLCTimestamp(physical, logical, node)


TICKS = [
    # (phenomenon, last, wall clock, expected)
    ("the wall clock goes on", at(10), 11, at(11)),
    ("the wall clock goes on and the count restarts", at(10, 7), 11, at(11)),
    ("two events fall into one millisecond", at(10), 10, at(10, 1)),
    ("the wall clock steps back an hour", at(3_600_010, 3), 10, at(3_600_010, 4)),
    ("the wall clock steps back before 1970", at(10), -5, at(10, 1)),
    ("the count is full and carries into physical", at(10, MAX_LOGICAL), 10, at(11)),
    ("the count is full while the wall clock is behind", at(10, MAX_LOGICAL), 3, at(11)),
    ("the wall clock is one behind a carry", at(11), 11, at(11, 1)),
    ("the first event of a new user", at(0), 0, at(0, 1)),
]


@pytest.mark.parametrize(("last", "now_ms", "expected"), [row[1:] for row in TICKS], ids=[row[0] for row in TICKS])
def test_a_local_event_is_stamped(last: HLCTimestamp, now_ms: int, expected: HLCTimestamp) -> None:
    assert tick(last, now_ms, "here") == expected


RECEIPTS = [
    # (phenomenon, last, remote, wall clock, expected)
    ("the wall clock is ahead of both", at(10, 5), at(12, 6, "there"), 15, at(15)),
    ("remote is ahead of us", at(10, 5), at(12, 6, "there"), 11, at(12, 7)),
    ("remote is behind us", at(12, 5), at(10, 6, "there"), 11, at(12, 6)),
    ("remote stands with us and has counted further", at(12, 5), at(12, 9, "there"), 11, at(12, 10)),
    ("remote stands with us and has counted less", at(12, 9), at(12, 5, "there"), 11, at(12, 10)),
    ("remote is our own stamp come back", at(12, 5), at(12, 5), 11, at(12, 6)),
    ("remote is ahead exactly by the bound", at(10), at(10 + BOUND_MS, 0, "there"), 10, at(10 + BOUND_MS, 1)),
    ("remote's count is full", at(10), at(12, MAX_LOGICAL, "there"), 10, at(13)),
    ("remote is from long ago", at(10), at(0, 0, "there"), 10 * BOUND_MS, at(10 * BOUND_MS)),
    ("our own clock once ran ahead", at(9 * BOUND_MS), at(10, 0, "there"), 10, at(9 * BOUND_MS, 1)),
]


@pytest.mark.parametrize(
    ("last", "remote", "now_ms", "expected"), [row[1:] for row in RECEIPTS], ids=[row[0] for row in RECEIPTS]
)
def test_a_remote_stamp_is_received(
    last: HLCTimestamp, remote: HLCTimestamp, now_ms: int, expected: HLCTimestamp
) -> None:
    assert receive(last, remote, now_ms, BOUND_MS) == expected


def test_a_remote_clock_beyond_the_bound_is_refused_by_name() -> None:
    remote = at(1_090_001, 0, "phone")
    with pytest.raises(ClockDriftError) as refusal:
        receive(at(1_000_000), remote, 1_000_000, BOUND_MS)
    error = refusal.value
    assert (error.remote, error.now_ms, error.max_drift_ms, error.drift_ms) == (remote, 1_000_000, BOUND_MS, 90_001)
    assert str(error) == ("the clock of 'phone' is 90001 ms (90.0 s) ahead; at most 60000 ms (60.0 s) is accepted")


def test_one_millisecond_beyond_the_bound_is_refused() -> None:
    with pytest.raises(ClockDriftError):
        receive(at(0), at(BOUND_MS + 1, 0, "there"), 0, BOUND_MS)


def test_our_own_lead_does_not_widen_the_bound() -> None:
    with pytest.raises(ClockDriftError):
        receive(at(2 * BOUND_MS), at(2 * BOUND_MS, 0, "there"), 0, BOUND_MS)


def test_a_refusal_crosses_threads_and_processes_whole() -> None:
    error = ClockDriftError(at(90_000, 0, "phone"), 0, BOUND_MS)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_stamps_order_by_physical_then_logical_then_node() -> None:
    ordered = [at(1, 9, "z"), at(2, 0, "z"), at(2, 1, "a"), at(2, 1, "b"), at(3, 0, "a")]
    assert all(lower < higher for lower, higher in pairwise(ordered))


def test_json_has_the_documented_fields() -> None:
    stamp = at(1_700_000_000_000, 2, "node-1")
    encoded = msgspec.json.encode(stamp)
    assert encoded == b'{"physical":1700000000000,"logical":2,"node":"node-1"}'
    assert msgspec.json.decode(encoded, type=HLCTimestamp) == stamp


@pytest.mark.parametrize(
    ("physical", "logical", "field"),
    [
        (-1, 0, "physical"),
        (MAX_PHYSICAL + 1, 0, "physical"),
        (0, -1, "logical"),
        (0, MAX_LOGICAL + 1, "logical"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(physical: int, logical: int, field: str) -> None:
    stamp = at(physical, logical)
    with pytest.raises(ValueError, match=field):
        stamp.validated()
    with pytest.raises(ValueError, match=field):
        stamp.pack()
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.json.decode(msgspec.json.encode(stamp), type=HLCTimestamp)


@pytest.mark.parametrize("packed", [-1, 1 << 64])
def test_an_integer_that_holds_no_stamp_is_not_unpacked(packed: int) -> None:
    with pytest.raises(ValueError, match="physical"):
        HLCTimestamp.unpack(packed, "here")


@given(timestamps)
def test_a_packed_stamp_comes_back(stamp: HLCTimestamp) -> None:
    assert 0 <= stamp.pack() < 1 << 64
    assert HLCTimestamp.unpack(stamp.pack(), stamp.node) == stamp


@given(timestamps, timestamps)
def test_packed_stamps_sort_as_stamps_do(left: HLCTimestamp, right: HLCTimestamp) -> None:
    if left.pack() != right.pack():
        assert (left.pack() < right.pack()) == (left < right)


@given(timestamps, st.integers(-MAX_PHYSICAL, MAX_PHYSICAL), st.sampled_from(["a", "z"]))
def test_a_tick_is_above_the_last_stamp_whatever_the_wall_clock_says(
    last: HLCTimestamp, now_ms: int, node: str
) -> None:
    stamp = tick(last, now_ms, node)
    assert stamp > last
    assert stamp.physical >= now_ms
    assert 0 <= stamp.logical <= MAX_LOGICAL
    assert stamp.node == node


@given(timestamps, timestamps, st.integers(0, MAX_PHYSICAL))
def test_a_receipt_is_above_both_and_stays_ours_or_is_refused(
    last: HLCTimestamp, remote: HLCTimestamp, now_ms: int
) -> None:
    if remote.physical > now_ms + BOUND_MS:
        with pytest.raises(ClockDriftError):
            receive(last, remote, now_ms, BOUND_MS)
        return
    stamp = receive(last, remote, now_ms, BOUND_MS)
    assert stamp > last
    assert stamp > remote
    assert stamp.physical >= now_ms
    assert stamp.node == last.node
