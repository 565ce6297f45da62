"""Which devices are connected to this node, written where all nodes look: in batches, under a lease of the node."""

import logging
from asyncio import TimerHandle
from itertools import islice
from typing import Final, assert_never

from msgspec import Struct, structs

from actors.messages.devices import (
    NOTHING_SAID,
    DescribeDevice,
    Description,
    DeviceCame,
    DeviceLeft,
    DevicesConnected,
    EndPresence,
    ForgetDevice,
    NotePresence,
    Pair,
    PresenceDue,
    PresenceEnded,
    PresenceMessage,
    PresenceNoted,
    WritePresence,
)
from actors.messages.failures import WriteFailed
from actors.messages.fanout import ListDevices
from actors.metrics import PresenceMetrics
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, TellIfAlive, tell_later

logger = logging.getLogger(__name__)

LEASE_S: Final = 10.0
"""How long the word of a node holds that has died: its devices are offline then, for whoever asks."""
RENEWALS: Final = 3
"""Of a lease, before it ends: a database that is away for a moment, or slow, ends none."""
GATHER_S: Final = 0.1
"""Between two transactions: so long may a device that comes or goes wait for others that do."""
MAX_BATCH: Final = 500
"""Devices in one transaction: 5,000 that come in a second are ten, of some milliseconds each."""
RETRY_S: Final = 1.0
"""After a transaction that failed."""


class PresenceDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What a ``Presence`` is wired with."""

    node: str
    is_alone: bool
    """Nobody else has the database."""
    journal: Tell[WritePresence]
    registry: Tell[ListDevices]
    metrics: PresenceMetrics
    lease_s: float = LEASE_S
    gather_s: float = GATHER_S
    retry_s: float = RETRY_S
    max_batch: int = MAX_BATCH


class Presence(SupervisedActor):
    """Messages in: ``PresenceMessage``. Messages out: ``WritePresence``, one at a time, and ``ListDevices``.

    A device that comes or goes is written at once, or with all that come within ``gather_s`` of the write before. While
    any is connected the lease is renewed. Should it have ended all the same, all that are connected are written again.
    """

    def __init__(self, deps: PresenceDeps) -> None:
        super().__init__()
        self._deps = deps
        self._is_here: dict[Pair, bool] = {}
        """What is to be written: who came, and who left. A later word replaces an earlier one."""
        self._edits: dict[Pair, list[DescribeDevice | ForgetDevice]] = {}
        self._written: _Batch | None = None
        """Under way."""
        self._is_gathering = False
        self._has_more = False
        """There is more to be removed of nodes that are gone."""
        self._had_lease = False
        self._timer: TimerHandle | None = None

    def on_start(self) -> None:
        """Remove what earlier runs have left."""
        self._write()

    def on_stop(self) -> None:
        """Everybody is offline here. The journal is stopped later, and does this before."""
        self._cancel_timer()
        self._deps.journal(WritePresence(EndPresence(self._deps.node), lambda _: None))

    def on_receive(self, message: PresenceMessage) -> None:
        """Take one message."""
        match message:
            case DeviceCame(user_id=user_id, device_id=device_id):
                self._deps.metrics.devices += 1
                self._is_here[user_id, device_id] = True
            case DeviceLeft(user_id=user_id, device_id=device_id):
                self._deps.metrics.devices -= 1
                if self._is_here.get((user_id, device_id)):  # it was not written: a short visit makes it known, too
                    visit = DescribeDevice(user_id, device_id, NOTHING_SAID, is_own=True)
                    self._edits.setdefault((user_id, device_id), []).append(visit)
                self._is_here[user_id, device_id] = False
            case DescribeDevice() | ForgetDevice():
                self._edits.setdefault((message.user_id, message.device_id), []).append(message)
            case DevicesConnected(devices=devices):
                self._is_here = {**dict.fromkeys(devices, True), **self._is_here}
            case PresenceDue():
                self._due()
            case PresenceNoted():
                self._noted(message)
            case WriteFailed():
                self._failed()
            case PresenceEnded():
                pass
            case _:
                assert_never(message)

    def on_idle(self) -> None:
        """Write what has come, unless more of it is gathered."""
        self._deps.metrics.waiting = len(self._is_here) + len(self._edits)
        if self._has_work and self._written is None and not self._is_gathering:
            self._write()

    @property
    def _has_work(self) -> bool:
        return bool(self._is_here or self._edits or self._has_more)

    def _due(self) -> None:
        """Write what was gathered, or renew the lease."""
        if self._written is not None:
            return
        is_idle, self._is_gathering = self._is_gathering and not self._has_work, False
        if not is_idle:
            self._write()
        elif self._deps.metrics.devices:
            self._timer = tell_later(self._deps.lease_s / RENEWALS, self.actor_ref, PresenceDue())

    def _write(self) -> None:
        self._cancel_timer()
        deps = self._deps
        batch = self._next_batch()
        request = NotePresence(
            node=deps.node,
            lease_ms=round(deps.lease_s * 1000),
            is_alone=deps.is_alone,
            came=tuple([pair for pair, is_here in batch.is_here.items() if is_here]),
            left=tuple([pair for pair, is_here in batch.is_here.items() if not is_here]),
            descriptions=tuple([_described(pair, run) for pair, run in batch.edits.items() if run[0].describes]),
            forgotten=tuple([pair for pair, run in batch.edits.items() if not run[0].describes]),
        )
        deps.journal(WritePresence(request, TellIfAlive(self.actor_ref)))
        self._written = batch

    def _next_batch(self) -> "_Batch":
        batch = _Batch({}, {})
        for pair in tuple(islice(self._is_here, self._deps.max_batch)):
            batch.is_here[pair] = self._is_here.pop(pair)
        for pair in tuple(islice(self._edits, self._deps.max_batch)):
            edits = self._edits.pop(pair)
            kind = edits[0].describes
            end = next((at for at, edit in enumerate(edits) if edit.describes != kind), len(edits))
            batch.edits[pair] = edits[:end]
            if rest := edits[end:]:
                self._edits[pair] = rest
        return batch

    def _noted(self, noted: PresenceNoted) -> None:
        batch, metrics = self._finish(self._deps.gather_s), self._deps.metrics
        metrics.written += len(batch.is_here) + len(batch.edits)
        for pair, run in batch.edits.items():
            _answer(run, pair not in noted.unknown)
        self._has_more = noted.has_more
        if self._had_lease and not noted.is_lease_kept:
            metrics.leases_lost += 1
            logger.warning("the node's lease had ended: its devices are written again")
            self._deps.registry(ListDevices(TellIfAlive(self.actor_ref)))
        self._had_lease = True

    def _failed(self) -> None:
        batch = self._finish(self._deps.retry_s)
        self._is_here = {**batch.is_here, **self._is_here}
        for pair, run in batch.edits.items():
            _answer(run, None)
            if unasked := [edit for edit in run if edit.answer is None]:
                self._edits[pair] = unasked + self._edits.get(pair, [])

    def _finish(self, pause_s: float) -> "_Batch":
        batch, self._written = self._written, None
        assert batch is not None, "one is answered once"
        self._is_gathering = True
        self._timer = tell_later(pause_s, self.actor_ref, PresenceDue())
        return batch

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class _Batch(Struct, frozen=True):
    """What is written in one transaction."""

    is_here: dict[Pair, bool]
    edits: dict[Pair, list[DescribeDevice | ForgetDevice]]
    """Of each device a run of either."""


def _described(pair: Pair, run: list[DescribeDevice | ForgetDevice]) -> Description:
    """Return what a run says in all."""
    fields = NOTHING_SAID
    for edit in run:
        assert isinstance(edit, DescribeDevice)
        said = {name: value for name, value in structs.asdict(edit.fields).items() if value is not None}
        fields = structs.replace(fields, **said)
    return Description(*pair, fields, any(isinstance(edit, DescribeDevice) and edit.is_own for edit in run))


def _answer(run: list[DescribeDevice | ForgetDevice], is_known: bool | None) -> None:
    for edit in run:
        if edit.answer is not None:
            edit.answer(is_known)
