"""Which devices are connected to this node, written where all nodes look: in batches, under a lease of the node."""

import asyncio
import logging
from asyncio import TimerHandle
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, islice
from math import inf
from typing import Final, assert_never

from msgspec import Struct

from actors.messages.bus import ShowSeen
from actors.messages.collections import DEVICES
from actors.messages.device_registers import description
from actors.messages.devices import (
    DeviceCame,
    DeviceCameAgain,
    DeviceFields,
    DeviceLeft,
    DeviceRecorded,
    DevicesConnected,
    EndPresence,
    LingerOver,
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
from actors.messages.journal import DeviceWrite, Outcome
from actors.metrics import PresenceMetrics
from actors.runtime import LoopFuture
from actors.runtime.supervisor import SupervisedActor
from actors.runtime.tell import Tell, TellIfAlive, tell_later

logger = logging.getLogger(__name__)

LEASE_S: Final = 10.0
"""How long the word of a node that has died still holds; after that its devices are offline for whoever asks."""
RENEWALS: Final = 3
"""How often a lease is renewed before it would end: a database that is slow, or away for a moment, ends none."""
GATHER_S: Final = 0.1
"""Between two transactions: how long a device that comes or goes may wait for others that do."""
LINGER_S: Final = 0.5
"""How long a device may be away before it is said to be: apps reconnect to follow more."""
POLL_LINGER_S: Final = 5.0
"""The same for one that polls: between two polls it has to act on the answer and come back over the network."""
MAX_BATCH: Final = 500
"""Devices in one transaction: 5,000 that come in a second are ten, of some milliseconds each."""
RETRY_S: Final = 1.0
"""After a transaction that failed."""
LAST_WORD_S: Final = 0.5
"""How long a stop waits for what it has to tell: a database that is away must not hold it up."""


_NOTHING_SAID: Final = DeviceFields()


class PresenceDeps(Struct, frozen=True, eq=False, kw_only=True):
    """What a ``Presence`` is wired with."""

    node: str
    is_alone: bool
    """Nobody else has the database."""
    journal: Tell[WritePresence]
    registry: Tell[ListDevices]
    tell_watchlist: Tell[DeviceWrite]
    """Reaches the ``WatchlistSync`` of the user whom the write names."""
    hints: Tell[ShowSeen]
    compare: Callable[[], None]
    """Has those who follow devices on this node told what they lack."""
    metrics: PresenceMetrics
    now_s: Callable[[], float]
    """A monotonic clock: the loop's."""
    lease_s: float = LEASE_S
    gather_s: float = GATHER_S
    linger_s: float = LINGER_S
    poll_linger_s: float = POLL_LINGER_S
    retry_s: float = RETRY_S
    max_batch: int = MAX_BATCH
    last_word_s: float = LAST_WORD_S


class Presence(SupervisedActor):
    """Messages in: ``PresenceMessage``. Messages out: ``WritePresence``, one at a time, and what comes of its answer.

    A device that comes is written at once, or with all that come within ``gather_s`` of the write before; one that
    goes, if it has not come back after ``linger_s``, or ``poll_linger_s`` if it polls. Those that were not known get a
    register, as if they had said something of themselves. While any is connected the lease is renewed. If it has ended
    all the same, all that are connected are written again.
    """

    def __init__(self, deps: PresenceDeps) -> None:
        super().__init__()
        self._deps = deps
        self._is_here: dict[Pair, bool] = {}
        """What is to be written: who came (true), and who left (false). A later word replaces an earlier one."""
        self._lingering: tuple[dict[Pair, float], dict[Pair, float]] = ({}, {})
        """Who may come back, and until when: WebSockets and streams, and those who poll. The first to end are first."""
        self._visited: dict[Pair, None] = {}
        """Devices that came back, came once more, or left before it was written that they came: to be known as well.

        A dict, because a set has no order.
        """
        self._recorded: dict[Pair, None] = {}
        """Who has become known."""
        self._written: _Batch | None = None
        """The batch that is being written."""
        self._is_gathering = False
        self._has_more = False
        """There is more to be removed of nodes that are gone."""
        self._had_lease = False
        self._was_missing = False
        """The lease had ended, and what others did meanwhile was not told here."""
        self._timer: TimerHandle | None = None
        self._linger_timer: TimerHandle | None = None
        self._lingers_until_s = inf
        """When that rings."""

    def on_start(self) -> None:
        """Remove what earlier runs have left."""
        self._write()

    async def on_stop(self) -> None:  # type: ignore[override]
        """Write that everybody is offline here, and tell those who follow; the journal, which stops later, does it."""
        self._cancel_timer()
        self._cancel_linger_timer()
        pending: LoopFuture[PresenceNoted | PresenceEnded | WriteFailed] = LoopFuture()
        self._deps.journal(WritePresence(EndPresence(self._deps.node), pending.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deps.last_word_s):
                ended = await pending
                if isinstance(ended, PresenceEnded) and ended.seen:
                    self._deps.hints(ShowSeen(ended.seen))

    def on_receive(self, message: PresenceMessage) -> None:
        """Take one message."""
        match message:
            case DeviceCame(user_id=user_id, device_id=device_id):
                self._deps.metrics.devices += 1
                self._came((user_id, device_id))
            case DeviceCameAgain(user_id=user_id, device_id=device_id):
                self._visited[user_id, device_id] = None
            case DeviceLeft(user_id=user_id, device_id=device_id, polls=polls):
                self._deps.metrics.devices -= 1
                linger_s = self._deps.poll_linger_s if polls else self._deps.linger_s
                self._lingering[polls][user_id, device_id] = self._deps.now_s() + linger_s
            case DeviceRecorded(user_id=user_id, device_id=device_id, is_done=is_done):
                (self._recorded if is_done else self._visited)[user_id, device_id] = None
            case DevicesConnected(devices=devices):
                self._is_here = {**dict.fromkeys(chain(devices, *self._lingering), True), **self._is_here}
            case LingerOver():
                self._lingers_until_s = inf
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
        """Write what has come, unless more is being gathered."""
        self._let_go()
        self._deps.metrics.waiting = len(self._is_here) + len(self._visited)
        if self._has_work and self._written is None and not self._is_gathering:
            self._write()

    def _came(self, pair: Pair) -> None:
        if any(lingering.pop(pair, None) is not None for lingering in self._lingering):  # it is in one of them
            self._visited[pair] = None  # nobody was told that it had left, but it may have been forgotten meanwhile
        else:
            self._is_here[pair] = True

    def _let_go(self) -> None:
        """Note as gone those that have not come back in time, and set the timer for the next."""
        now_s, next_s = self._deps.now_s(), inf
        for lingering in self._lingering:
            while lingering:
                pair, until_s = next(iter(lingering.items()))
                if until_s > now_s:
                    next_s = min(next_s, until_s)
                    break
                del lingering[pair]
                if self._is_here.get(pair):
                    self._visited[pair] = None
                self._is_here[pair] = False
        if next_s < self._lingers_until_s:
            self._cancel_linger_timer()
            self._lingers_until_s = next_s
            self._linger_timer = tell_later(next_s - now_s, self.actor_ref, LingerOver())

    @property
    def _has_work(self) -> bool:
        return bool(self._is_here or self._visited or self._recorded or self._has_more)

    def _due(self) -> None:
        """Write what was gathered, or renew the lease."""
        if self._written is not None:
            return
        is_idle, self._is_gathering = self._is_gathering and not self._has_work, False
        if not is_idle:
            self._write()
        elif self._deps.metrics.devices or any(self._lingering):
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
            visited=batch.visited,
            recorded=batch.recorded,
        )
        deps.journal(WritePresence(request, TellIfAlive(self.actor_ref)))
        self._written = batch

    def _next_batch(self) -> "_Batch":
        here, most = self._is_here, self._deps.max_batch
        first = tuple(islice(here, most))
        visited, recorded = tuple(islice(self._visited, most)), tuple(islice(self._recorded, most))
        return _Batch({pair: here.pop(pair) for pair in first}, visited, recorded)

    def _noted(self, noted: PresenceNoted) -> None:
        batch, metrics = self._finish(self._deps.gather_s), self._deps.metrics
        metrics.written += len(batch.is_here)
        for done, waiting in ((batch.visited, self._visited), (batch.recorded, self._recorded)):
            for pair in done:
                waiting.pop(pair, None)
        if noted.seen:
            self._deps.hints(ShowSeen(noted.seen))
        for user_id, device_id in noted.unknown:
            self._record(user_id, device_id)
        self._has_more = noted.has_more
        if self._had_lease and not noted.is_lease_kept:
            metrics.leases_lost += 1
            logger.warning("the node's lease had ended: its devices are written again")
            self._deps.registry(ListDevices(TellIfAlive(self.actor_ref)))
            self._was_missing = True
        elif self._was_missing and batch.is_here and not self._is_here:  # else who is here would be said to be offline
            self._was_missing = False
            self._deps.compare()
        self._had_lease = True

    def _failed(self) -> None:
        batch = self._finish(self._deps.retry_s)
        self._is_here = {**batch.is_here, **self._is_here}

    def _record(self, user_id: str, device_id: str) -> None:
        """Let a device be known: its register says so, to whoever follows the user's devices."""
        tell = TellIfAlive(self.actor_ref)

        def answer(outcome: Outcome) -> None:
            if outcome.is_new or outcome.retry_after_s is not None:
                tell(DeviceRecorded(user_id, device_id, is_done=outcome.is_new))

        change = description(device_id, _NOTHING_SAID)
        self._deps.tell_watchlist(
            DeviceWrite(user_id=user_id, device_id=device_id, change=change, answer=answer, collection=DEVICES)
        )

    def _finish(self, pause_s: float) -> "_Batch":
        batch, self._written = self._written, None
        assert batch is not None, "one is answered once"
        self._gather(pause_s)
        return batch

    def _gather(self, pause_s: float) -> None:
        self._is_gathering = True
        self._timer = tell_later(pause_s, self.actor_ref, PresenceDue())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _cancel_linger_timer(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()


class _Batch(Struct, frozen=True):
    """What is written in one transaction."""

    is_here: dict[Pair, bool]
    visited: tuple[Pair, ...]
    recorded: tuple[Pair, ...]
