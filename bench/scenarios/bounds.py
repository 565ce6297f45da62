"""What a write costs at each bound of what a user may keep, by one without: the store alone, in this process."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple
from uuid import UUID

from actors.messages.change import Change
from actors.messages.journal import Operation, Outcome, Quota
from bench.scenario import Figure, Sample, Scenario, Target
from bench.servers import THIS, Checkout, MeasurementFailed
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import SqlJournalStore, open_store
from storage.rules.bounds import DEFAULT_BOUNDS, UNUSED_DAYS
from storage.schema.rows import DAY_MS

ROUNDS: Final = 20
WRITES_PER_ROUND: Final = 10
BATCH: Final = 500
MOST: Final = 2.0
"""Times the cost of a write without the bound."""

_ticks = count(1)


class _Clock:
    """A wall clock that can be put forward."""

    ahead_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


class _Store(NamedTuple):
    journal: SqlJournalStore
    now_ms: _Clock

    def commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Commit in batches."""
        batches = [operations[start : start + BATCH] for start in range(0, len(operations), BATCH)]
        return [outcome for batch in batches for outcome in self.journal.commit(batch)]

    def change(self, change: Change, user: str, device: str = "bench") -> Operation:
        """Return the operation of ``user`` that asks for ``change``."""
        stamp = HLCTimestamp(self.now_ms(), next(_ticks) & 0xFFFF, "bench")
        return Operation(line=user, device_id=device, change=change, timestamp=stamp)

    def add(
        self, user: str, item: int, tag: str | None = None, observed: int | None = None, device: str = "bench"
    ) -> Operation:
        """Return an add by ``user``."""
        return self.change(Change("add", str(UUID(int=item)), tag=tag, observed=observed), user, device)


class _Case(NamedTuple):
    """A write that is measured of a user with ``few`` of something, and of one at the bound."""

    name: str
    few: int
    many: int
    fill: Callable[[_Store, str, int], None]
    write: Callable[[_Store, str, int], Operation]
    met: Quota | None
    days: float = 0.0
    """Between both."""


def _fill_items(store: _Store, user: str, number: int) -> None:
    store.commit([store.add(user, item) for item in range(number)])


def _fill_tags(store: _Store, user: str, number: int) -> None:
    store.commit([store.add(user, 0, observed=0, device=f"d{device}") for device in range(number)])


def _fill_gaps(store: _Store, user: str, number: int) -> None:
    store.commit([store.add(user, 0, f"phone:{2 * counter}") for counter in range(1, number + 1)])


def _fill_replicas(store: _Store, user: str, number: int) -> None:
    store.commit([store.add(user, 0, f"movie-{replica}") for replica in range(number)])


def _add_item(store: _Store, user: str, n: int) -> Operation:
    return store.add(user, 1_000_000 + n)


def _touch_item(store: _Store, user: str, n: int) -> Operation:
    return store.add(user, n % 10)


def _add_tag(store: _Store, user: str, n: int) -> Operation:
    return store.add(user, 0, observed=0, device=f"more {n}")


def _next_counter(store: _Store, user: str, n: int) -> Operation:
    few_or_many = 2 if user.endswith("few") else 2 * DEFAULT_BOUNDS.gaps_per_replica
    return store.add(user, 0, f"phone:{few_or_many + 1 + n}")


def _skip_counters(store: _Store, user: str, n: int) -> Operation:
    return store.add(user, 0, f"phone:{1_000_000 + 2 * n}")


def _name_replica(store: _Store, user: str, n: int) -> Operation:
    return store.add(user, 0, f"one more {n}")


_ITEMS, _TAGS = DEFAULT_BOUNDS.items_per_list, DEFAULT_BOUNDS.tags_per_item
_GAPS, _REPLICAS = DEFAULT_BOUNDS.gaps_per_replica, DEFAULT_BOUNDS.replicas_per_user
CASES: Final = (
    _Case("an add to a list that is full, refused", 10, _ITEMS, _fill_items, _add_item, "items_per_list"),
    _Case("an add of a content that is in a full list", 10, _ITEMS, _fill_items, _touch_item, None),
    _Case(f"an add of a content with {_TAGS} tags", 1, _TAGS, _fill_tags, _add_tag, "tags_per_item"),
    _Case(f"the next tag of a replica with {_GAPS:,} gaps", 1, _GAPS, _fill_gaps, _next_counter, None),
    _Case("one more gap, refused", 1, _GAPS, _fill_gaps, _skip_counters, "gaps_per_replica"),
    _Case("one more replica, refused", 1, _REPLICAS, _fill_replicas, _name_replica, "replicas_per_user"),
    _Case("one in the place of another", 1, _REPLICAS, _fill_replicas, _name_replica, None, UNUSED_DAYS + 1),
)  # fmt: skip


def measure_store(checkout: Checkout) -> Sample:
    """Measure the CPU time of one commit, of both users in turns. Raises: MeasurementFailed, of another checkout."""
    if checkout is not THIS:
        raise MeasurementFailed("the store is measured in this process: run the other checkout's own benchmark")
    sample: Sample = {}
    for case in CASES:
        with _opened() as store:
            usual_us, at_the_bound_us = _measure(store, case)
        sample |= {_cost(case): at_the_bound_us, _ratio(case): at_the_bound_us / usual_us}
    return sample


@contextmanager
def _opened() -> Iterator[_Store]:
    with TemporaryDirectory(prefix=".bench-bounds-", dir=Path.cwd()) as directory:
        clock = _Clock()
        journal = open_store(f"sqlite:///{directory}/journal.db", now_ms=clock)
        try:
            yield _Store(journal, clock)
        finally:
            journal.close()


def _measure(store: _Store, case: _Case) -> tuple[float, float]:
    case.fill(store, "few", case.few)
    case.fill(store, "many", case.many)
    store.now_ms.ahead_ms += round(case.days * DAY_MS)
    used_s = {"few": 0.0, "many": 0.0}
    numbers = iter(range(ROUNDS * WRITES_PER_ROUND))
    for _ in range(ROUNDS):
        round_of = [next(numbers) for _ in range(WRITES_PER_ROUND)]
        for user in used_s:
            operations = [case.write(store, user, number) for number in round_of]
            began_s = time.process_time()
            outcomes = [store.journal.commit([operation])[0] for operation in operations]
            used_s[user] += time.process_time() - began_s
            if user == "many" and any(outcome.quota != case.met for outcome in outcomes):
                raise MeasurementFailed(f"{case.name}: {outcomes[-1]}")
    each = ROUNDS * WRITES_PER_ROUND / 1e6
    return used_s["few"] / each, used_s["many"] / each


def _cost(case: _Case) -> str:
    return f"{case.name}, µs"


def _ratio(case: _Case) -> str:
    return f"{case.name}, by one without"


SCENARIO = Scenario(
    title="CPU of one write at each bound of what a user may keep, by one of a user who is not at it",
    under_way="1 write",
    figures=tuple(
        figure
        for case in CASES
        for figure in (Figure(_cost(case)), Figure(_ratio(case), (Target("≤", MOST),), digits=2))
    ),
    measure=measure_store,
)
