"""The journal's speed: operations a second by batch size, and one write's cost by the size of the list.

    python -m bench.journal [DATABASE_URL]

Without a URL: SQLite in a new directory of the working directory, as that is a real disk where every commit pays its
fsync; what one fsync costs is printed first, for comparison.
"""

import os
import sys
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from actors.messages.change import Change
from actors.messages.journal import Operation
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import SqlJournalStore, open_store
from storage.rules.bounds import Bounds

SECONDS_PER_FIGURE = 1.5
BATCH_SIZES = (1, 16, 64)
LIST_SIZES = (10, 1_000, 10_000)

_ticks = count(1)


def now_ms() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1_000_000


def add(user_id: str) -> Operation:
    """Return an add of a content nobody has added yet."""
    return Operation(
        line=user_id,
        device_id="bench",
        change=Change("add", str(uuid4()), operation_id=str(uuid4())),
        timestamp=HLCTimestamp(now_ms(), next(_ticks) & 0xFFFF, "bench"),
    )


def microseconds_per_fsync(directory: Path) -> float:
    """Return the mean cost of appending a page to a file and forcing it to the disk."""
    done, began = 0, time.perf_counter()
    with (directory / "yardstick").open("ab", buffering=0) as file:
        while time.perf_counter() - began < SECONDS_PER_FIGURE / 3:
            file.write(bytes(4096))
            os.fsync(file.fileno())
            done += 1
    return (time.perf_counter() - began) / done * 1e6


def operations_per_second(store: SqlJournalStore, batch_size: int) -> float:
    """Return how many adds, each of another user of a thousand, a second takes in batches of ``batch_size``."""
    users = [f"user-{number}" for number in range(1_000)]
    store.commit([add(user) for user in users])  # a service at work: its users have heads
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS_PER_FIGURE:
        store.commit([add(users[(done + number) % len(users)]) for number in range(batch_size)])
        done += batch_size
    return done / (time.perf_counter() - began)


def microseconds_per_write(store: SqlJournalStore, items: int) -> float:
    """Return the mean cost of one commit of one add to a list of ``items``."""
    user = f"user-with-{items}-{uuid4()}"
    for start in range(0, items, 500):
        store.commit([add(user) for _ in range(min(500, items - start))])
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS_PER_FIGURE:
        store.commit([add(user)])
        done += 1
    return (time.perf_counter() - began) / done * 1e6


def measure(url: str) -> None:
    """Print the figures of the journal in ``url``."""
    store = open_store(url, now_ms=now_ms, bounds=Bounds(items_per_list=1_000_000))
    try:
        for batch_size in BATCH_SIZES:
            print(f"batches of {batch_size:2}: {operations_per_second(store, batch_size):9,.0f} operations/s")
        for items in LIST_SIZES:
            print(f"one write at {items:6,} items: {microseconds_per_write(store, items):7,.0f} µs")
    finally:
        store.close()


def main() -> None:
    """Measure the database named on the command line, or SQLite here."""
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    with TemporaryDirectory(prefix=".bench-journal-", dir=".") as name:
        print(f"one fsync here: {microseconds_per_fsync(Path(name)):,.0f} µs")
        measure(f"sqlite:///{name}/journal.db")


if __name__ == "__main__":
    main()
