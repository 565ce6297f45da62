"""The journal's actor, between everybody who writes and the store that is the truth."""

import asyncio
import logging
from typing import Any, Final, Never

from actors.journal.group_commit import MAX_BATCH, GroupCommit
from actors.journal.list_edits import ListEdits
from actors.journal.presence_writes import PresenceWrites
from actors.journal.read_turns import ReadTurns
from actors.journal.refusals import Refusals
from actors.journal.writability import Writability
from actors.messages.devices import ReadDevices, WritePresence
from actors.messages.journal import Commit, JournalMessage, Probe, Settle
from actors.messages.journal_reads import LoadHeads, ReadChanges, ReadPage, ReadSnapshotPage
from actors.messages.lists import DeleteList, PutList, ReadLists
from actors.messages.registers import ReadRegister
from actors.metrics import JournalMetrics
from actors.ports import StoreClient
from actors.runtime.supervisor import SupervisedActor

PROBED_USER: Final = "probe"
"""Whose head a probe reads: not to learn it, but to see that reading works."""

logger = logging.getLogger(__name__)


class Journal(SupervisedActor):
    """Messages in: ``JournalMessage``. Messages out: to each message's ``reply_to`` what its type says.

    Group commit: what is told while transactions are under way goes into the next one together. Nobody is answered
    before it has committed. Reads go their own way, and no read waits for a write, nor a write for a read: a read sees
    every commit that was answered before it was told. Only a user who reads on and on rests while others wait to write.
    Nothing that a store, an operation or a ``reply_to`` raises ends the actor.

    Args:
        store: where everything is written and read.
        metrics: counted into.
    """

    def __init__(self, store: StoreClient, metrics: JournalMetrics) -> None:
        super().__init__()
        self._metrics = metrics
        refusals = Refusals(metrics)
        self._writability = Writability(store, metrics, refusals)
        self._commits = GroupCommit(store, metrics, self._writability)
        self._list_edits = ListEdits(store, metrics, self._writability)
        self._presence_writes = PresenceWrites(store, metrics, self._writability)
        self._reads = ReadTurns(store, metrics, refusals, lambda: self._commits.is_full)
        self._gathered = 0

    def on_receive(self, message: JournalMessage) -> None:
        """Take a message in; what came together begins together, when the mailbox is empty or a batch is full."""
        match message:
            case Commit():
                self._commits.add(message)
                self._gathered += 1
                if self._gathered == MAX_BATCH:
                    self.on_idle()
            case LoadHeads():
                self._reads.add_heads(message)
            case ReadChanges() | ReadPage() | ReadSnapshotPage() | ReadLists() | ReadDevices() | ReadRegister():
                self._reads.add(message)
            case PutList() | DeleteList():
                self._commits.send()
                self._list_edits.add(message)
            case WritePresence():
                self._presence_writes.begin(message)
            case Settle(reply_to=reply_to):
                self._commits.settle(reply_to)
            case Probe():
                self._writability.probe()
                self._reads.add_heads(LoadHeads((PROBED_USER,), lambda _: None))
            case _:  # pyright: ignore[reportUnnecessaryComparison] # it must not end the journal, whatever it is
                stranger: Never = message
                self._metrics.errors += 1
                logger.error("%s is no message for the journal", type(stranger).__name__)

    def on_idle(self) -> None:
        """Begin what may begin."""
        self._gathered = 0
        self._commits.send()
        self._reads.send()

    async def on_stop(self) -> None:  # type: ignore[override]
        """Commit and answer what was told."""
        self._reads.let_nobody_rest()
        self.on_idle()
        while under_way := self._all_under_way():
            await asyncio.wait(under_way)  # whatever waits behind these begins before this goes on

    def _all_under_way(self) -> set[asyncio.Future[Any]]:
        writes = self._commits.under_way | self._list_edits.under_way | self._presence_writes.under_way
        return self._reads.under_way | writes
