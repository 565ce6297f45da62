"""Random lives of devices that reorder the same lists offline, on the real journal: all show the same at last."""

import itertools
from collections import deque
from collections.abc import Iterator
from functools import partial
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syncd_client import MemoryStore
from syncd_client.core import outputs
from syncd_client.core.core import Core, CoreDeps, State
from syncd_client.core.outputs import Output
from syncd_client.core.token import Token
from syncd_client.data import messages
from syncd_client.data.list_view import Item
from syncd_client.data.placing import positions_for

from actors.messages.collections import WATCHLIST, collection_of_list, line_of
from actors.messages.conversion import device_update
from actors.messages.device import ListWrite, Resumed, WatchlistWrite, answer_to
from actors.messages.journal import Operation
from actors.messages.journal_reads import SLICE_ROWS, Changes
from actors.ports import JournalStore
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import open_store
from tests.whole_list import whole_list
from transport.websocket import device_codec

CONTENTS = [f"00000000-0000-0000-0000-{number:012}" for number in range(3)]
LISTS = [None, "kids"]
USERS = itertools.count()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JournalStore]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('journal') / 'journal.db'}", now_ms=lambda: 1_000)
    yield store
    store.close()


class Service:
    """One user's, which loses nothing and is never away."""

    def __init__(self, journal: JournalStore) -> None:
        self._journal = journal
        self._user = f"reordering-{next(USERS)}"
        self.connected: list[Device] = []

    def line(self, list_id: str | None) -> str:
        return line_of(self._user, WATCHLIST if list_id is None else collection_of_list(list_id))

    def join(self, device: "Device", target: str) -> None:
        for since in parse_qs(urlsplit(target).query)["since"]:
            name, revision, *epoch = since.removeprefix("list:").split(":")
            list_id = name if since.startswith("list:") else None
            answer = self._journal.changes(self.line(list_id), int(revision), SLICE_ROWS, *epoch or (None,))
            assert isinstance(answer, Changes)
            resumed = Resumed(recovered=True, revision=answer.revision, epoch=answer.epoch, list=list_id)
            device.inbound += [msgspec.json.encode(resumed), *answer.updates]
        self.connected.append(device)

    def write(self, device: "Device", text: str) -> None:
        write = device_codec.decode(text)
        assert isinstance(write, WatchlistWrite)
        assert isinstance(write.timestamp, HLCTimestamp)
        line = self.line(write.list if isinstance(write, ListWrite) else None)
        operation = Operation(line=line, device_id=device.name, change=write, timestamp=write.timestamp)
        (outcome,) = self._journal.commit([operation])
        device.inbound.append(msgspec.json.encode(answer_to(write.id, outcome)))
        if outcome.is_new and outcome.update:
            for other in self.connected:
                other.inbound.append(msgspec.json.encode(device_update(outcome.update)))

    def items(self, list_id: str | None) -> dict[str, tuple[object, str | None]]:
        found = whole_list(self._journal, self.line(list_id)).items
        return {item.content_id: (item.data and msgspec.json.decode(item.data), item.position) for item in found}


class Device:
    """A client's core, with a network between it and the service that loses what is under way when it breaks."""

    def __init__(self, service: Service, name: str, skew_ms: int) -> None:
        self._service = service
        self.name = name
        self.inbound: deque[bytes] = deque()
        self._outbound: deque[str] = deque()
        self._store = MemoryStore()
        names = (f"{name}-{next(USERS)}" for _ in itertools.count())
        clock = itertools.count(2_000 + skew_ms)
        self._deps = CoreDeps(now_ms=partial(next, clock), random=lambda: 0.5, new_replica=partial(next, names))
        self.restart()

    def restart(self) -> None:
        self._break()
        self.core = Core(self._deps)
        self._target = ""
        self._do(self.core.open_list("kids"))
        self._do(self.core.sign_in("ann", self._store.load("ann")))
        self._do(self.core.disconnect())

    def add(self, list_id: str | None, content_id: str, position: str | None = None) -> None:
        data = {"by": self.name} if position is None else None
        self._do(self.core.enqueue("add", content_id, list_id, data, position)[1])

    def remove(self, list_id: str | None, content_id: str) -> None:
        self._do(self.core.enqueue("remove", content_id, list_id)[1])

    def move(self, list_id: str | None, content_id: str, after: str) -> None:
        items = self.core.items_of(list_id)
        is_there = content_id != after and any(item.content_id == after for item in items)
        for each, position in positions_for(items, content_id, None, after if is_there else None):
            self.add(list_id, each, position)

    def connect(self) -> None:
        if self not in self._service.connected:
            self._do(self.core.connect())
            self._do(self.core.token(Token("t", "ann")))
            self._do(self.core.opened())
            self._service.join(self, self._target)

    def lose_connection(self) -> None:
        if self._break():
            self._do(self.core.closed(1006, "lost"))
            self._do(self.core.disconnect())

    def exchange(self, count: int) -> bool:
        """Let so many messages through in each direction; return whether there was one."""
        is_busy = bool(self._outbound or self.inbound)
        for _ in range(min(count, len(self._outbound))):
            self._service.write(self, self._outbound.popleft())
        for _ in range(min(count, len(self.inbound))):
            self._do(self.core.received(messages.decode(self.inbound.popleft())))
        return is_busy

    def sync(self) -> None:
        """Come up to date, but for what the answers bring."""
        self.connect()
        self.exchange(1000)

    def _break(self) -> bool:
        self.inbound.clear()
        self._outbound.clear()
        was_connected = self in self._service.connected
        if was_connected:
            self._service.connected.remove(self)
        return was_connected

    def _do(self, out: list[Output]) -> None:
        for output in out:
            match output:
                case outputs.Open(target=target):
                    self._target = target
                case outputs.Send(message=message):
                    self._outbound.append(messages.encode(message))
                case outputs.Save(user_id=user_id, changes=changes):
                    self._store.save(user_id, changes)
                case _:
                    pass


which = st.sampled_from(LISTS)
content = st.sampled_from(CONTENTS)
STEPS = st.tuples(
    st.integers(0, 2),
    st.one_of(
        st.tuples(st.just("add"), which, content),
        st.tuples(st.just("remove"), which, content),
        st.tuples(st.just("move"), which, content, content),
        st.tuples(st.just("move"), which, content, content),
        st.tuples(st.just("connect")),
        st.tuples(st.just("sync")),
        st.tuples(st.just("sync")),
        st.tuples(st.just("exchange"), st.integers(1, 4)),
        st.tuples(st.just("lose_connection")),
        st.tuples(st.just("restart")),
    ),
)


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(STEPS, min_size=20, max_size=50))
def test_devices_that_reorder_offline_show_the_same_in_the_same_order(
    journal: JournalStore, steps: list[tuple[int, tuple[object, ...]]]
) -> None:
    service = Service(journal)
    skews = {"phone": 0, "tv": 500, "tablet": -500}
    devices = [Device(service, name, skew_ms) for name, skew_ms in skews.items()]
    for number, (what, *how) in steps:
        getattr(devices[number], str(what))(*how)
    for device in devices:
        device.connect()
    for _ in range(100):
        if not sum(device.exchange(1000) for device in devices):
            break
    for list_id in LISTS:
        shown = [device.core.items_of(list_id) for device in devices]
        for device, items in zip(devices, shown, strict=True):
            assert device.core.state is State.LIVE
            assert {item.content_id: (item.data, item.position) for item in items} == service.items(list_id)
            assert not any(item.pending for item in items)
            assert placed(items) == placed(shown[0])
        assert [device.core.queued for device in devices] == [0, 0, 0]


def placed(items: tuple[Item, ...]) -> list[str]:
    """Return what has a position; of the others the order may differ (clients/conformance/README.md, "The list")."""
    return [item.content_id for item in items if item.position is not None]
