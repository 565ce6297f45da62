"""Random lives of three devices on the real journal: connections break, apps die, clocks are wrong, all agree at last.

The core of the client and the journal's store are the real ones; the network between them is a pair of queues per
device that delivers when the example says so, or never.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syncd_client import MemoryStore, messages, outputs
from syncd_client.core import Core, CoreDeps, State
from syncd_client.outputs import Output, Timer
from syncd_client.token import Token
from syncd_client.user_state import PendingWrite

from actors.messages.conversion import device_update, snapshot_json, snapshot_page
from actors.messages.device import Error, Resumed, WatchlistWrite, answer_to
from actors.messages.journal import SLICE_ROWS, Changes, Operation, Outcome, Status, Update
from actors.ports import JournalStore
from crdt.hlc import ClockDriftError, HLCTimestamp, receive, tick
from storage.journal_store import open_store
from tests.whole_list import whole_list
from transport.websocket import device_codec

MAX_DRIFT_MS = 60_000
START_MS = 1_764_000_000_000
CONTENTS = [f"00000000-0000-0000-0000-{number:012}" for number in range(5)]
"""The first two are everybody's; of the others each device has one to itself."""
OWN = 2
USERS = itertools.count()


class World:
    """One user's service: the journal, a clock, and who is connected."""

    def __init__(self, journal: JournalStore) -> None:
        self.journal = journal
        self.user = f"user-{next(USERS)}"
        self.now_ms = START_MS
        self._clock = HLCTimestamp(0, 0, "service")
        self.connected: list[Device] = []
        self.history: list[Update] = []
        self.misplaced: set[str] = set()
        """A remove took only the newest of several adds: who saw that live keeps showing the content at its place."""

    def join(self, device: "Device", since: int, epoch: str | None, *, forgets: bool) -> None:
        """Send what ``device`` missed; a service that ``forgets`` has only the whole list left."""
        answer = self.journal.changes(self.user, since, SLICE_ROWS, epoch)
        if isinstance(answer, Changes) and not forgets:
            assert not answer.has_more
            device.tell(Resumed(recovered=True, revision=answer.revision, epoch=answer.epoch))
            device.show(answer.updates)
        else:
            page = snapshot_page(whole_list(self.journal, self.user))
            reason = "history_pruned" if isinstance(answer, Changes) else answer.reason
            device.tell(Resumed(recovered=False, revision=page.revision, epoch=page.epoch, reason=reason))
            device.show([snapshot_json(page.revision, page.epoch, [page.items])])
        self.connected.append(device)

    def write(self, device: "Device", text: str, *, answers_first: bool, is_away: bool) -> None:
        """Do what a device asks for, as a node does."""
        write = device_codec.decode(text)
        assert isinstance(write, WatchlistWrite)
        stamp = write.timestamp
        if is_away:
            outcome = Outcome(status=Status.REFUSED, reason="the database is away", retry_after_s=1)
            device.tell(answer_to(write.id, outcome))
            return
        try:
            if isinstance(stamp, HLCTimestamp):
                self._clock = receive(self._clock, stamp, self.now_ms, MAX_DRIFT_MS)
            else:
                stamp = self._clock = tick(self._clock, self.now_ms, "service")
        except ClockDriftError as error:
            device.tell(Error(id=write.id, code="refused", field="timestamp", message=str(error)))
            return
        operation = Operation(
            user_id=self.user,
            device_id=device.name,
            change=write,
            timestamp=stamp,
        )
        (outcome,) = self.journal.commit([operation])
        if write.action == "remove" and outcome.status is Status.EXISTING:
            self.misplaced.add(operation.content_id)
        if answers_first:
            device.tell(answer_to(write.id, outcome))
        if outcome.is_new and outcome.update:
            self.history.append(outcome.update)
            for other in self.connected:
                other.tell(device_update(outcome.update))
        if not answers_first:
            device.tell(answer_to(write.id, outcome))


class Device:
    """A client's core with the network and the clock that the example gives it."""

    def __init__(self, world: World, name: str, skew_ms: int) -> None:
        self._world = world
        self.name = name
        self._skew_ms = skew_ms
        self.store = MemoryStore()
        self.writes: list[PendingWrite] = []
        self._replicas = (f"{world.user}-{name}-{number}" for number in itertools.count())
        self._inbound: deque[str] = deque()
        self._outbound: deque[str] = deque()
        self._start()

    def _start(self) -> None:
        deps = CoreDeps(now_ms=self._now_ms, random=lambda: 0.5, new_replica=lambda: next(self._replicas))
        self.core = Core(deps)
        self._is_asked = False
        self._target: str | None = None
        self._pauses = False
        self._do(self.core.sign_in(self._world.user, self.store.load(self._world.user)))

    def _now_ms(self) -> int:
        return self._world.now_ms + self._skew_ms

    @property
    def is_quiet(self) -> bool:
        return not (self._inbound or self._outbound or self.core.queued)

    def tell(self, *sent: Any) -> None:
        self.show(map(msgspec.json.encode, sent))

    def show(self, encoded: Iterable[bytes]) -> None:
        self._inbound += (message.decode() for message in encoded)

    def _do(self, out: list[Output]) -> None:
        for output in out:
            match output:
                case outputs.AskToken():
                    self._is_asked = True
                case outputs.Open(target=target):
                    self._target = target
                case outputs.Send(message=message):
                    self._outbound.append(messages.encode(message))
                case outputs.Close():
                    raise AssertionError("the service kept the order, so nothing is to be closed")
                case outputs.StartTimer(timer=Timer.RETRY):
                    self._pauses = True
                case outputs.Save(user_id=user_id, changes=changes):
                    self.store.save(user_id, changes)
                case outputs.StartTimer() | outputs.StopTimer() | outputs.Emit():
                    pass
                case outputs.Erase():
                    raise AssertionError("nobody signs out")

    # What may happen to it

    def enqueue(self, operation: messages.Action, content_id: str) -> None:
        write, out = self.core.enqueue(operation, content_id)
        self.writes.append(write)
        self._do(out)

    def last_word(self, content_id: str) -> list[PendingWrite]:
        return [write for write in self.writes if write.content_id == content_id][-1:]

    def connect(self, *, forgets: bool = False) -> None:
        if self in self._world.connected:
            return
        self._do(self.core.connect())
        if self._is_asked:
            self._is_asked = False
            self._do(self.core.token(Token("t", self._world.user)))
        assert self._target is not None
        query = parse_qs(urlsplit(self._target).query)
        self._do(self.core.opened())
        self._world.join(self, int(query["since"][0]), query.get("epoch", [None])[0], forgets=forgets)

    def receive(self, count: int) -> None:
        for _ in range(min(count, len(self._inbound))):
            self._do(self.core.received(messages.decode(self._inbound.popleft())))

    def transmit(self, count: int, *, answers_first: bool, is_away: bool) -> None:
        for _ in range(min(count, len(self._outbound))):
            self._world.write(self, self._outbound.popleft(), answers_first=answers_first, is_away=is_away)

    def retry(self) -> None:
        if self._pauses:
            self._pauses = False
            self._do(self.core.due(Timer.RETRY))

    def lose_connection(self) -> None:
        if self._hang_up():
            self._do(self.core.closed(1006, "lost"))

    def die(self) -> None:
        self._hang_up()
        self._start()

    def _hang_up(self) -> bool:
        """Lose what is on its way, in both directions."""
        self._inbound.clear()
        self._outbound.clear()
        self._pauses = False
        was_connected = self in self._world.connected
        if was_connected:
            self._world.connected.remove(self)
        return was_connected


def members_at(history: list[Update], revision: int) -> set[str]:
    members: set[str] = set()
    for update in history[:revision]:
        (members.add if update.change.action == "add" else members.discard)(update.content_id)
    return members


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JournalStore]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('journal') / 'journal.db'}", now_ms=lambda: START_MS)
    yield store
    store.close()


content = st.integers(0, OWN)
few = st.integers(1, 4)
step = st.tuples(
    st.integers(0, 2),
    st.one_of(
        st.tuples(st.just("add"), content),
        st.tuples(st.just("remove"), content),
        st.tuples(st.just("connect"), st.booleans()),
        st.tuples(st.just("receive"), few),
        st.tuples(st.just("transmit"), few, st.booleans(), st.sampled_from([False, False, False, True])),
        st.tuples(st.just("lose_connection")),
        st.tuples(st.just("die")),
        st.tuples(st.just("retry")),
        st.tuples(st.just("time"), st.integers(0, 50_000)),
    ),
)
skew = st.sampled_from([0, 0, -1_000_000, 1_000, 50_000, 1_000_000])


@settings(deadline=None)
@given(skews=st.tuples(skew, skew, skew), steps=st.lists(step, min_size=40, max_size=80))
def test_devices_agree_with_the_journal_whatever_happens(
    journal: JournalStore, skews: tuple[int, int, int], steps: list[tuple[int, tuple[Any, ...]]]
) -> None:
    world = World(journal)
    devices = [Device(world, name, skew_ms) for name, skew_ms in zip(("phone", "tv", "tablet"), skews, strict=True)]
    for number, (what, *how) in steps:
        device = devices[number]
        match what, how:
            case "add" | "remove", [int() as place]:
                device.enqueue(what, CONTENTS[OWN + number if place == OWN else place])
            case "connect", [bool() as forgets]:
                device.connect(forgets=forgets)
            case "receive", [int() as count]:
                device.receive(count)
            case "transmit", [int() as count, bool() as answers_first, bool() as is_away]:
                device.transmit(count, answers_first=answers_first, is_away=is_away)
            case "time", [int() as span_ms]:
                world.now_ms += span_ms
            case _:
                getattr(device, what)()
        check_what_is_stored(world, device)
    come_to_rest(devices)
    check_that_all_agree(world, devices)


def check_what_is_stored(world: World, device: Device) -> None:
    """At every moment a device holds the list as it was at its revision."""
    stored = device.store.load(world.user)
    assert stored is not None
    assert {item.content_id for item in stored.items} == members_at(world.history, stored.head.revision)


def come_to_rest(devices: list[Device]) -> None:
    for device in devices:
        device.connect()
    for _ in range(1000):
        for device in devices:
            device.transmit(1000, answers_first=True, is_away=False)
            device.receive(1000)
            device.retry()
        if all(device.is_quiet for device in devices):
            return
    raise AssertionError("no rest")


def check_that_all_agree(world: World, devices: list[Device]) -> None:
    listed = [item.content_id for item in whole_list(world.journal, world.user).items]
    history = world.history
    assert set(listed) == members_at(history, len(history))
    for device in devices:
        assert device.core.state is State.LIVE
        assert not any(item.pending for item in device.core.items)
        shown = [item.content_id for item in device.core.items]
        assert set(shown) == set(listed)
        assert without(world.misplaced, shown) == without(world.misplaced, listed)
        stored = device.store.load(world.user)
        assert stored is not None
        assert stored.queue == ()
    # Every add once, no remove twice, and who is alone with a content has the last word.
    writes = [write for device in devices for write in device.writes]
    recorded = [update.change.operation_id for update in history]
    assert len(recorded) == len(set(recorded))
    added = {update.change.operation_id for update in history if update.change.action == "add"}
    assert added == {write.operation_id for write in writes if write.operation == "add"}
    for content_id in CONTENTS:
        last_words = [write for device in devices for write in device.last_word(content_id)]
        if len(last_words) == 1:
            assert (content_id in listed) is (last_words[0].operation == "add")


def without(some: set[str], contents: list[str]) -> list[str]:
    return [content_id for content_id in contents if content_id not in some]
