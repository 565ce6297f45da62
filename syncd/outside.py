"""What a node takes from outside itself: clocks, chance, and the way to its store."""

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from actors.messages.journal_reads import SLICE_ROWS
from actors.ports import StoreClient
from actors.presence.presence import LEASE_S
from storage.processes.client import StoreProcesses
from storage.rules.bounds import Bounds
from syncd.process.loop_lag import INTERVAL_S
from syncd.settings import Settings


class NodeStore(StoreClient, Protocol):
    """The way to the store, as the node that owns it needs it."""

    def pids(self) -> dict[str, int]:
        """Return the ids of its processes, by name."""
        ...

    def give_up(self) -> None:
        """Let whatever is asked, now or later, fail at once; idempotent."""


def store_processes(settings: Settings, restarts: Counter[str]) -> NodeStore:
    """Return the store's two processes, not yet started. Raises: ValueError, ImportError, see ``StoreProcesses``."""
    bounds = Bounds(**{name: getattr(settings, f"max_{name}") for name in Bounds.__struct_fields__})
    return StoreProcesses(
        settings.journal_url,
        restarts,
        bounds=bounds,
        content_ids=settings.content_ids,
        replica_url=settings.database_read_url,
    )


class Outside(Struct, frozen=True, eq=False, kw_only=True):
    """Where a node gets the time, chance and its store: by default from the machine."""

    now_s: Callable[[], float] = time.perf_counter
    """A monotonic clock."""
    wall_ns: Callable[[], int] = time.time_ns
    """The wall clock: nanoseconds since 1970."""
    random: Callable[[], float] = random.random
    """In [0, 1), for what only has to differ."""
    new_name: Callable[[], str] = lambda: secrets.token_hex(4)
    """A node's, which no node had before."""
    open_store: Callable[[Settings, Counter[str]], NodeStore] = store_processes
    """Not yet started; the second argument counts restarts of its processes."""
    probe_s: float = 5.0
    """Between two probes of the journal: if nobody writes or reads, the node knows that much later what works."""
    lease_s: float = LEASE_S
    """How long a node's word on who is connected to it holds, unless it renews it."""
    slice_rows: int = SLICE_ROWS
    """Updates, or items of a list, that are read and sent at once."""
    lag_s: float = INTERVAL_S
    """Between two looks how late the event loop is; a virtual one never is."""

    def now_ms(self) -> int:
        """Return the wall clock: milliseconds since 1970."""
        return self.wall_ns() // 1_000_000

    def wall_s(self) -> float:
        """Return the wall clock: seconds since 1970."""
        return self.wall_ns() / 1e9


MACHINE = Outside()
