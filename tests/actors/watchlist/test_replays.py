from typing import Any

import msgspec
import pytest

from actors.messages.change import Change
from actors.messages.close_codes import TRY_AGAIN_LATER
from actors.messages.connection import ConnectionInfo, Disconnect, Join, Replayed
from actors.messages.journal import Changes, ReadFailed, Snapshot, Update
from actors.watchlist.replays import Replays
from crdt.hlc import HLCTimestamp
from tests.actors.conftest import content
from tests.fakes.devices import Devices

STAMP = HLCTimestamp(1, 0, "n")


def updates(first: int, last: int) -> tuple[Update, ...]:
    return tuple(
        Update(
            user_id="ann",
            revision=revision,
            change=Change("add", content(revision)),
            tags=(f"syncd:{revision}",),
            timestamp=STAMP,
            device_id="tv",
        )
        for revision in range(first, last + 1)
    )


def changes(since: int, revision: int) -> Changes:
    return Changes(user_id="ann", epoch="e", revision=revision, updates=updates(since + 1, revision))


@pytest.fixture
def reads() -> list[tuple[int, str | None]]:
    return []


@pytest.fixture
def replays(reads: list[tuple[int, str | None]], devices: Devices) -> Replays:
    return Replays(lambda since, epoch: reads.append((since, epoch)), devices.encode)


def revisions(devices: Devices, connection_id: str) -> list[Any]:
    (replayed,) = devices.told[connection_id]
    assert isinstance(replayed, Replayed)
    return [msgspec.json.decode(frame)["revision"] for frame in replayed.frames]


def test_devices_that_come_together_share_one_read_and_one_encoding(
    replays: Replays, reads: list[tuple[int, str | None]], devices: Devices
) -> None:
    for connection_id, since in (("a", 3), ("b", 5), ("c", 8)):
        replays.wait(Join(devices.connection(connection_id), since))
    replays.answered(changes(3, 8))
    assert reads == [(3, None)]
    assert devices.encoded == 5
    assert [revisions(devices, connection_id) for connection_id in "abc"] == [[4, 5, 6, 7, 8], [6, 7, 8], []]


def test_who_has_missed_more_than_the_read_under_way_gets_the_next_one(
    replays: Replays, reads: list[tuple[int, str | None]], devices: Devices
) -> None:
    replays.wait(Join(devices.connection("a"), 5))
    replays.wait(Join(devices.connection("b"), 2))
    replays.answered(changes(5, 6))
    assert revisions(devices, "a") == [6]
    assert devices.told["b"] == []
    assert reads == [(5, None), (2, None)]
    replays.answered(changes(2, 6))
    assert revisions(devices, "b") == [3, 4, 5, 6]


@pytest.mark.parametrize("position", [(9, None), (5, "other")])
def test_a_device_from_another_epoch_or_the_future_is_asked_for_alone(
    replays: Replays, reads: list[tuple[int, str | None]], devices: Devices, position: tuple[int, str | None]
) -> None:
    replays.wait(Join(devices.connection("a"), 4, "e"))
    replays.wait(Join(devices.connection("b"), *position))
    replays.answered(changes(4, 6))
    assert revisions(devices, "a") == [5, 6]
    assert reads == [(4, "e"), position]
    replays.answered(Snapshot(user_id="ann", epoch="e", revision=6, items=(), reason="epoch_changed"))
    (replayed,) = devices.told["b"]
    assert (replayed.is_recovered, replayed.reason, replayed.revision) == (False, "epoch_changed", 6)
    assert len(reads) == 2


def test_a_device_that_comes_and_goes_costs_no_more_reads(
    replays: Replays, reads: list[tuple[int, str | None]], devices: Devices
) -> None:
    connections: list[ConnectionInfo] = []
    for number in range(100):
        connections.append(devices.connection(str(number)))
        replays.wait(Join(connections[-1], 4))
        replays.forget(connections[-1])
    replays.answered(changes(4, 6))
    assert len(reads) == 1
    assert devices.told["0"] == devices.told["99"] == []


def test_when_the_journal_cannot_be_read_everybody_is_asked_to_come_again(
    replays: Replays, reads: list[tuple[int, str | None]], devices: Devices
) -> None:
    for connection_id in "ab":
        replays.wait(Join(devices.connection(connection_id), 4))
    replays.answered(ReadFailed("gone"))
    for connection_id in "ab":
        (disconnect,) = devices.told[connection_id]
        assert isinstance(disconnect, Disconnect)
        assert disconnect.close is TRY_AGAIN_LATER
    replays.wait(Join(devices.connection("c"), 4))
    assert len(reads) == 2
