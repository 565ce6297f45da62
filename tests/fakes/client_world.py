"""One user's service on the real journal, and devices with the client's real core: what is between them is a test's.

The network is a pair of queues per device that delivers when the test says so, or never.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec
from syncd_client import MemoryStore
from syncd_client.core import outputs
from syncd_client.core.core import Core, CoreDeps
from syncd_client.core.outputs import Output, Timer
from syncd_client.core.token import Token
from syncd_client.data import messages
from syncd_client.data.user_state import PendingWrite

from actors.messages.conversion import device_update
from actors.messages.device import Error, Ping, Pong, Resumed, WatchlistWrite, answer_to
from actors.messages.journal import Operation, Outcome, Status, Update
from actors.messages.journal_reads import SLICE_ROWS, Changes, Page
from actors.ports import JournalStore
from crdt.hlc import ClockDriftError, HLCTimestamp, receive, tick
from tests.whole_list import whole_list
from transport.websocket import device_codec

MAX_DRIFT_MS = 60_000
START_MS = 1_764_000_000_000
USERS = itertools.count()

Catching = Literal["changes", "list", "pieces", "new pieces"]
"""How a device is brought up to date: by a list also where the changes would do, as if they had been pruned; in new
pieces where the rest of the old ones would do.
"""
Answering = Literal["commit", "away", "no room"]
"""What the service does with a write: the database may be away, or the tag one too many."""


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
        self._list: Page | None = None
        """The one that was sent last: the rest of an older one cannot be told."""

    def join(self, device: "Device", query: dict[str, str], catching: Catching) -> None:
        """Send what ``device`` missed."""
        answer = self.journal.changes(self.user, int(query["since"]), SLICE_ROWS, query.get("epoch"))
        if isinstance(answer, Changes) and catching == "changes":
            assert not answer.has_more
            device.tell(Resumed(recovered=True, revision=answer.revision, epoch=answer.epoch))
            device.show(answer.updates)
        else:
            reason = "history_pruned" if isinstance(answer, Changes) else answer.reason
            if catching == "new pieces":
                self._list = None
            self._send_list(device, reason, None if catching == "list" else query.get("snapshot_cursor", ""))
        self.connected.append(device)

    def _send_list(self, device: "Device", reason: str, cursor: str | None) -> None:
        """Send the list and what came after it: whole, or in pieces behind ``cursor`` if that is of this list."""
        revision, _, place = (cursor or "").partition("/")
        if self._list is None or str(self._list.revision) != revision:
            self._list, place = whole_list(self.journal, self.user), "0"
        page = self._list
        device.tell(Resumed(recovered=False, revision=page.revision, epoch=page.epoch, reason=reason))
        whole = {"type": "watchlist_snapshot", "revision": page.revision, "epoch": page.epoch, "items": page.items}
        device.tell(*[whole] if cursor is None else pieces(whole, int(place)))
        behind = self.journal.changes(self.user, page.revision, SLICE_ROWS, page.epoch)
        assert isinstance(behind, Changes)
        device.show(behind.updates)

    def write(self, device: "Device", text: str, answering: Answering, *, answers_first: bool) -> None:
        """Do what a device asks for, as a node does."""
        write = device_codec.decode(text)
        if isinstance(write, Ping):
            device.tell(Pong())
            return
        assert isinstance(write, WatchlistWrite)
        stamp = write.timestamp
        if answering == "no room" and write.tag:
            device.tell({"type": "error", "id": write.id, "code": "quota_exceeded", "field": "tag", "message": "full"})
            return
        if answering == "away":
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
            line=self.user,
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


def pieces(whole: dict[str, Any], place: int) -> Iterator[dict[str, Any]]:
    """Yield the pieces of a list, of one content each, from the ``place``-th on."""
    items = whole["items"]
    for first in range(place, max(len(items), 1)):
        piece = whole | {"type": "watchlist_snapshot_piece", "items": items[first : first + 1], "start": first == 0}
        yield piece if first + 1 >= len(items) else piece | {"next": f"{whole['revision']}/{first + 1}"}


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

    def connect(self, catching: Catching = "changes") -> None:
        if self in self._world.connected:
            return
        self._do(self.core.connect())
        if self._is_asked:
            self._is_asked = False
            self._do(self.core.token(Token("t", self._world.user)))
        assert self._target is not None
        self._do(self.core.opened())
        self._world.join(self, dict(parse_qsl(urlsplit(self._target).query)), catching)

    def receive(self, count: int) -> None:
        for _ in range(min(count, len(self._inbound))):
            self._do(self.core.received(messages.decode(self._inbound.popleft())))

    def transmit(self, count: int, answering: Answering, *, answers_first: bool) -> None:
        for _ in range(min(count, len(self._outbound))):
            self._world.write(self, self._outbound.popleft(), answering, answers_first=answers_first)

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
