"""Devices come, go, and read at their pace while their user writes and the history is pruned: nobody is misled.

All actors between the store and the sockets are the real ones, and so is the store; slices are small, so that much
happens between two of them.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from actors.connection.deps import ConnectionDeps, HandshakeResult
from actors.connection.sync_websocket import SyncWebSocket
from actors.fanout.broadcaster import WebSocketBroadcaster
from actors.fanout.connection_registry import ConnectionRegistry
from actors.journal.journal import Journal
from actors.messages.change import Change
from actors.messages.channel import HeadMoved
from actors.messages.close_codes import SLOW_CONSUMER, TRY_AGAIN_LATER
from actors.messages.connection import Following, SocketLost, SocketWritable
from actors.messages.content_ids import UUIDS
from actors.messages.journal import DeviceWrite, Operation, Outcome
from actors.metrics import BroadcastMetrics, BusMetrics, JournalMetrics, RegistryMetrics, WriteMetrics
from actors.ports import JournalStore
from actors.runtime import LoopFuture
from actors.tracing import untraced
from actors.watchlist.active_users import ActiveUsers
from actors.watchlist.deps import WatchlistDeps
from actors.watchlist.watchlist_sync import WatchlistSync
from crdt.hlc import HLCTimestamp, tick
from storage.journal.history import PRUNE_EVERY, HistoryLimits
from storage.journal.journal_store import open_store
from tests.actors.conftest import Started, content
from tests.fakes.store_in_process import StoreInProcess
from tests.timeouts import TIMEOUT_S
from transport.websocket.device_codec import encode
from transport.wire.frames import fragments, frame
from transport.wire.query import cursor_of, resume_query

NOW_MS = 1_764_000_000_000
DEVICES = 4
STEPS = 200
CONTENTS = 40
SLICE_ROWS = 7
KEPT = HistoryLimits(max_operations=30)
"""Of which 130 are kept at most: a device that is a little late misses what was pruned, or finds it just in time."""
MORE_THAN_IS_KEPT = KEPT.max_operations + 2 * PRUNE_EVERY


class Service:
    """One user's part of a node, and another node that writes to the same database."""

    def __init__(self, users: ActiveUsers, other_node: JournalStore) -> None:
        self.users = users
        self._other_node = other_node
        self._clock = HLCTimestamp(NOW_MS, 0, "other")
        self.lists: list[frozenset[str]] = [frozenset()]
        """By revision."""
        self.snapshots = 0
        self.continued = 0
        """Lists in pieces that went on over a new socket."""

    async def write(self, changes: list[Change]) -> None:
        """Let ``changes`` be committed, and note the list after each."""
        answers: list[LoopFuture[Outcome]] = []
        for change in changes:
            answers.append(LoopFuture())
            write = DeviceWrite(user_id="ann", device_id="writer", change=change, answer=answers[-1].set)
            self.users.tell_watchlist(write)
        for answer in answers:
            self._note(await answer)

    def write_elsewhere(self, changes: list[Change]) -> None:
        """Let the other node commit ``changes``; this one hears of it by ``hint``, if at all."""
        operations: list[Operation] = []
        for change in changes:
            self._clock = tick(self._clock, NOW_MS, "other")
            operations.append(Operation(line="ann", device_id="other", change=change, timestamp=self._clock))
        for outcome in self._other_node.commit(operations):
            self._note(outcome)

    def hint(self) -> None:
        """Let the bus say where the journal stands."""
        self.users.tell_if_active("ann", HeadMoved(self.revision, origin="other"))

    def _note(self, outcome: Outcome) -> None:
        update = outcome.update
        if update is not None:
            assert update.revision == len(self.lists)
            change_list = self.lists[-1].union if update.change.action == "add" else self.lists[-1].difference
            self.lists.append(change_list({update.content_id}))

    @property
    def revision(self) -> int:
        return len(self.lists) - 1


class Device:
    """A device; what it is shown is checked as it comes."""

    def __init__(self, service: Service, dice: random.Random, *, takes_pieces: bool) -> None:
        self.service = service
        self.dice = dice
        self.takes_pieces = takes_pieces
        self.pieces: list[str] | None = None
        """The contents of those that have come, of a list that is not complete."""
        self.cursor: str | None = None
        self._of_list = 0
        """The revision of that list."""
        self.visit: Visit | None = None
        self.revision = 0
        self.epoch: str | None = None
        self.contents: frozenset[str] = frozenset()
        self.progressed = asyncio.Event()
        self._ends_at = 0
        """The revision up to which the last ``resumed`` promised updates."""

    def connect(self) -> None:
        self.visit = Visit(self)

    def handshake(self) -> HandshakeResult:
        query = f"since={self.revision}&snapshot=pieces&snapshot_cursor={self.cursor or ''}".encode()
        return HandshakeResult(
            user_id="ann", device_id="tv", ends_at_s=float("inf"), takes_pieces=self.takes_pieces,
            follows=(Following(since=self.revision, epoch=self.epoch, after=resume_query(query).follows[0].after),),
        )  # fmt: skip

    def disconnect(self) -> None:
        visit, self.visit = self.visit, None
        if visit is not None:
            visit.tell(SocketLost())

    def read_on(self) -> None:
        """Read what has piled up in the network."""
        if self.visit is not None:
            self.visit.congested = False
            self.visit.tell(SocketWritable())

    def receive(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "resumed":
                self.epoch = message["epoch"]
                self._ends_at = message["revision"]
                if message["recovered"]:
                    self.pieces = self.cursor = None
            case "watchlist_update":
                assert message["revision"] == self.revision + 1
                self.revision += 1
                change = self.contents.union if message["action"] == "add" else self.contents.difference
                self.contents = change({message["content_id"]})
            case "watchlist_snapshot":
                assert message["revision"] == self._ends_at
                assert not self.takes_pieces
                self._replace(message["revision"], [item["content_id"] for item in message["items"]])
            case "watchlist_snapshot_piece":
                self._receive_piece(message)
            case kind:
                raise AssertionError(kind)
        if self.revision <= self.service.revision:
            assert self.contents == self.service.lists[self.revision]

    def _receive_piece(self, piece: dict[str, Any]) -> None:
        assert self.takes_pieces
        assert self.visit
        if piece.get("start"):
            self.pieces, self._of_list = [], piece["revision"]
        elif not self.visit.pieces:
            self.service.continued += 1
        self.visit.pieces += 1
        assert self.pieces is not None
        assert piece["revision"] == self._of_list
        assert len(piece["items"]) <= SLICE_ROWS
        self.pieces += [item["content_id"] for item in piece["items"]]
        self.cursor = piece.get("next")
        if self.cursor is None:
            listed, self.pieces = self.pieces, None
            self._replace(piece["revision"], listed)

    def _replace(self, revision: int, listed: list[str]) -> None:
        self.service.snapshots += 1
        assert revision >= self.revision
        self.revision = revision
        self.contents = frozenset(listed)
        assert len(listed) == len(self.contents)


class Visit:
    """One socket of a device."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.congested = False
        self.pieces = 0
        self._wire = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
        self._fragments: list[bytes] = []
        deps = ConnectionDeps(
            tell_watchlist=device.service.users.tell_watchlist,
            frame=encode,
            now_s=asyncio.get_running_loop().time,
        )
        self.tell = SyncWebSocket.launch(deps, self, device.handshake())

    def write(self, frames: bytes) -> None:
        if self._device.visit is not self:  # it was lost, which the actor does not know yet
            return
        assert not self.congested
        self._wire.receive_data(frames)
        for read in self._wire.events_received():
            assert isinstance(read, Frame)
            self._fragments.append(bytes(read.data))
            if read.fin:
                message, self._fragments = b"".join(self._fragments), []
                self._device.receive(msgspec.json.decode(message))
        assert self._wire.state is OPEN
        self.congested = self._device.dice.random() < 0.5
        self._device.progressed.set()

    def is_congested(self) -> bool:
        return self.congested

    def unsent_bytes(self) -> int:
        return 0

    def unconfirmed_bytes(self) -> int:
        return 0

    def ping(self) -> None: ...

    def close(self, code: int, reason: str) -> None:
        if self._device.visit is self:
            assert code in (TRY_AGAIN_LATER.code, SLOW_CONSUMER.code)
            self._device.disconnect()
            self._device.progressed.set()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@pytest.fixture
async def service(started: Started, tmp_path: Path) -> AsyncIterator[Service]:
    url = f"sqlite:///{tmp_path}/journal.db"
    writer, reader, other = (open_store(url, now_ms=lambda: NOW_MS, history=KEPT) for _ in range(3))
    store = StoreInProcess(writer, reader=reader)
    journal = started(Journal.start(store, JournalMetrics()))
    relays = BroadcastMetrics()
    registry = started(ConnectionRegistry.start(encode, RegistryMetrics(), relays, untraced()))
    broadcaster = started(WebSocketBroadcaster.start(registry.tell, relays, lambda: 0.0, untraced(), UUIDS))
    deps = WatchlistDeps(
        node="here",
        now_ms=lambda: NOW_MS,
        now_s=lambda: 0.0,
        max_clock_drift_ms=60_000,
        journal=journal.tell,
        registry=registry.tell,
        broadcaster=broadcaster.tell,
        publisher=None,
        frame=frame,
        fragments=fragments,
        cursor_of=cursor_of,
        bus_metrics=BusMetrics(),
        write_metrics=WriteMetrics(),
        tracer=untraced(),
        show_lists=lambda _: None,
        slice_rows=SLICE_ROWS,
    )
    users = ActiveUsers(lambda user_id, retired: started(WatchlistSync.start(user_id, deps, retired)))
    yield Service(users, other)
    users.sweep()
    await journal.stop(block=False)
    await store.close()
    other.close()


def a_change(dice: random.Random) -> Change:
    return Change("add" if dice.random() < 0.7 else "remove", content(dice.randrange(CONTENTS)))


async def live(service: Service, devices: list[Device], dice: random.Random) -> None:
    """Let something happen, many times."""
    for _ in range(STEPS):
        device = dice.choice(devices)
        match dice.choice(("write", "write", "elsewhere", "connect", "connect", "disconnect", "read", "wait")):
            case "write":
                await service.write([a_change(dice) for _ in range(dice.choice((1, 1, 1, 20)))])
            case "elsewhere":
                service.write_elsewhere([a_change(dice) for _ in range(dice.choice((1, 1, 30)))])
                if dice.random() < 0.7:
                    service.hint()
            case "connect" if device.visit is None:
                device.connect()
            case "disconnect" if dice.random() < 0.3:
                device.disconnect()
            case "read":
                device.read_on()
            case _:
                for _ in range(dice.randrange(5)):
                    await asyncio.sleep(0)


async def catch_up(device: Device) -> None:
    """Let ``device`` come, as often as need be, until it has everything."""
    while device.revision < device.service.revision:
        device.progressed.clear()
        if device.visit is None:
            device.connect()
        device.read_on()
        await device.progressed.wait()


@pytest.mark.parametrize("seed", range(5))
async def test_at_every_moment_a_device_holds_the_list_as_it_was_at_its_revision(service: Service, seed: int) -> None:
    dice = random.Random(seed)
    devices = [Device(service, dice, takes_pieces=number % 2 == 0) for number in range(DEVICES)]
    async with asyncio.timeout(TIMEOUT_S):
        await live(service, devices, dice)
        service.write_elsewhere([a_change(dice) for _ in range(dice.choice((1, 10 * SLICE_ROWS, MORE_THAN_IS_KEPT)))])
        service.hint()
        for device in devices:
            await catch_up(device)
            assert device.contents == service.lists[-1]
    for device in devices:
        device.disconnect()
    assert service.revision > 2 * KEPT.max_operations
    assert service.snapshots


async def test_a_list_in_pieces_goes_on_over_new_sockets_and_shows_each_piece_once(service: Service) -> None:
    await service.write([Change("add", content(number % CONTENTS)) for number in range(MORE_THAN_IS_KEPT)])
    device = Device(service, random.Random(0), takes_pieces=True)
    visits = 0
    async with asyncio.timeout(TIMEOUT_S):
        while device.revision < service.revision:
            visits += 1
            device.connect()
            while device.visit and not device.visit.pieces and device.revision < service.revision:
                device.read_on()
                await asyncio.sleep(0)
            device.disconnect()
            if visits == 3:  # it goes on at its revision, and is shown this later
                await service.write([Change("remove", content(0)), Change("add", content(CONTENTS))])
    assert (service.snapshots, service.continued) == (1, CONTENTS // SLICE_ROWS)
    assert device.contents == service.lists[-1]


@pytest.mark.parametrize("takes_pieces", [True, False])
async def test_who_takes_pieces_gets_a_list_in_place_of_a_replay_that_is_as_long(
    service: Service, *, takes_pieces: bool
) -> None:
    await service.write([Change("add", content(number)) for number in range(CONTENTS)])
    device = Device(service, random.Random(0), takes_pieces=takes_pieces)
    async with asyncio.timeout(TIMEOUT_S):
        await catch_up(device)
        assert service.snapshots == int(takes_pieces)
        device.disconnect()
        await service.write([Change("remove", content(number)) for number in range(CONTENTS // 3)])
        await catch_up(device)
    assert service.snapshots == int(takes_pieces)
    device.disconnect()
