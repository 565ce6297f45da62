"""Devices that follow the protocol lose no change to a bound, however small the bounds are."""

from itertools import count
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages.journal import Operation, Outcome, Status
from crdt.hlc import HLCTimestamp
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import Bounds
from storage.schema.rows import DAY_MS
from tests.fakes.wall_clock import WallClock
from tests.storage.author import NOW_MS, Author
from tests.storage.conftest import OpenJournal
from tests.whole_list import whole_list

SMALL = Bounds(items_per_list=2, tags_per_item=2, gaps_per_replica=1, replicas_per_user=2)


class Step(NamedTuple):
    device: int
    does: str
    content: str


steps = st.lists(
    st.builds(
        Step, st.integers(0, 3), st.sampled_from(["add", "remove", "catch up", "skip", "wait"]), st.sampled_from("abc")
    ),
    max_size=40,
)
TAKEN_BACK = [Step(0, "add", "a"), Step(1, "add", "a"), Step(1, "remove", "a"), Step(0, "remove", "a")]
"""The last add was not seen by the last remove, but its own author has taken it back."""
examples = count()


class Device:
    """Counts its tags, repeats everything once, and goes on under a new name, or without one, at a bound."""

    def __init__(self, name: str, author: Author, journal: SqlJournalStore, wall_clock: WallClock) -> None:
        self.name = name
        self.wall_clock = wall_clock
        self.author = author
        self.journal = journal
        self.seen = 0
        self.counter = 0
        self.names, self.writes, self.stamps = count(), count(), count()
        self.replica = f"{name}.{next(self.names)}"

    def catch_up(self) -> None:
        self.seen = self.journal.heads([self.author.user_id])[0].revision

    def send(self, operation: Operation) -> Outcome:
        (outcome,) = self.journal.commit([operation])
        (again,) = self.journal.commit([operation])
        assert replace(outcome, is_new=False, quota=outcome.quota if outcome.exceeds_quota else None) == again
        return outcome

    def add(self, content: str) -> Outcome:
        operation_id = f"{self.name} {next(self.writes)}"
        for tag in (self.next_tag(), self.tag_of_a_new_replica(), None):
            wanted = self.author.add(content, **self.signed(operation_id), tag=tag)
            outcome = self.send(wanted)
            if outcome.field != "tag":
                break
        return outcome

    def remove(self, content: str) -> Outcome:
        operation_id = f"{self.name} {next(self.writes)}"
        return self.send(self.author.remove(content, **self.signed(operation_id)))

    def signed(self, operation_id: str) -> Any:
        """Return what every write of the device says of itself."""
        stamp = HLCTimestamp(self.wall_clock.now_ms, next(self.stamps), self.name)
        return {"device": self.name, "operation_id": operation_id, "observed": self.seen, "timestamp": stamp}

    def next_tag(self) -> str:
        self.counter += 1
        return f"{self.replica}:{self.counter}"

    def tag_of_a_new_replica(self) -> str:
        self.counter, self.replica = 0, f"{self.name}.{next(self.names)}"
        return self.next_tag()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
@example(steps=TAKEN_BACK)
def test_no_change_is_lost_to_a_bound(
    open_journal: OpenJournal, sqlite_url: str, wall_clock: WallClock, steps: list[Step]
) -> None:
    wall_clock.now_ms = NOW_MS
    journal, author = open_journal(sqlite_url, bounds=SMALL), Author(f"ann {next(examples)}")
    devices = [Device(f"d{number}", author, journal, wall_clock) for number in range(4)]
    last_added_by: dict[str, tuple[Device, int]] = {}
    for step in steps:
        device, content_id = devices[step.device], author.content(step.content)
        if step.does == "catch up":
            device.catch_up()
        elif step.does == "skip":
            device.next_tag()
        elif step.does == "wait":
            wall_clock.now_ms += 50 * DAY_MS
        elif step.does == "add":
            outcome = device.add(step.content)
            listed = {item.content_id for item in whole_list(journal, author.user_id).items}
            if outcome.field == "content_id":
                assert len(listed) == SMALL.items_per_list
                assert content_id not in listed
            else:
                assert outcome.status in {Status.ADDED, Status.EXISTING}
                assert content_id in listed
                assert outcome.revision is not None
                last_added_by[content_id] = device, outcome.revision
        else:
            outcome = device.remove(step.content)
            listed = {item.content_id for item in whole_list(journal, author.user_id).items}
            assert (content_id in listed) == (outcome.status is Status.EXISTING)
            if content_id in last_added_by:  # an add that the remover had not seen outlives its remove
                adder, revision = last_added_by[content_id]
                if adder is device:
                    del last_added_by[content_id]
                elif revision > device.seen and outcome.status is not Status.NOT_FOUND:
                    assert outcome.status is Status.EXISTING
    journal.close()
