"""Three replicas on a bad network, compared after every step with a set so simple that it is plainly right."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.crdt.replica import Change, Replica, foreign_add
from tests.crdt.strategies import REPLICAS, elements
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.timeout(10 * TIMEOUT_S)  # profile `ci`: 80,000 steps in one test, 15 s on an idle core

indexes = st.integers(0, len(REPLICAS) - 1)
anywhere = st.integers(0, 1_000)


@dataclass(frozen=True)
class TombstoneSet:
    """Every add and every removed add, for ever. An add is known by a number of its own, not by its tag."""

    added: frozenset[tuple[str, int]] = frozenset()
    removed: frozenset[int] = frozenset()

    def live(self, element: str) -> frozenset[int]:
        return frozenset(add for name, add in self.added if name == element) - self.removed

    @property
    def value(self) -> frozenset[str]:
        return frozenset(name for name, add in self.added if add not in self.removed)

    def merge(self, other: "TombstoneSet") -> "TombstoneSet":
        return TombstoneSet(self.added | other.added, self.removed | other.removed)


@dataclass(frozen=True)
class Letter:
    """A change under way between two replicas, and what it means to the model."""

    source: int
    target: int
    change: Change
    meaning: TombstoneSet


class ReplicasOnABadNetwork(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.replicas = [Replica()] * len(REPLICAS)
        self.models = [TombstoneSet()] * len(REPLICAS)
        self.network: list[Letter] = []
        self.sent: list[Letter] = []
        self.cut_off: int | None = None
        self.adds = 0

    def post(self, here: int, change: Change, meaning: TombstoneSet) -> None:
        self.models[here] = self.models[here].merge(meaning)
        letters = [Letter(here, there, change, meaning) for there in range(len(REPLICAS)) if there != here]
        self.network += letters
        self.sent += letters

    def deliver(self, letter: Letter) -> None:
        self.replicas[letter.target] = self.replicas[letter.target].apply(letter.change)
        self.models[letter.target] = self.models[letter.target].merge(letter.meaning)

    def meaning_of_add(self, element: str, superseded: frozenset[int]) -> TombstoneSet:
        self.adds += 1
        return TombstoneSet(frozenset({(element, self.adds)}), superseded)

    @rule(here=indexes, element=elements)
    def add(self, here: int, element: str) -> None:
        meaning = self.meaning_of_add(element, self.models[here].live(element))
        self.replicas[here], change = self.replicas[here].add(element, REPLICAS[here])
        self.post(here, change, meaning)

    @rule(here=indexes, element=elements)
    def remove(self, here: int, element: str) -> None:
        meaning = TombstoneSet(removed=self.models[here].live(element))
        self.replicas[here], change = self.replicas[here].remove(element)
        self.post(here, change, meaning)

    @rule(here=indexes, element=elements)
    def foreign_add(self, here: int, element: str) -> None:
        meaning = self.meaning_of_add(element, frozenset())
        change = foreign_add(element, f"movie-{self.adds}")
        self.replicas[here] = self.replicas[here].apply(change)
        self.post(here, change, meaning)

    @precondition(lambda self: self.network)
    @rule(which=anywhere)
    def deliver_in_any_order(self, which: int) -> None:
        letter = self.network.pop(which % len(self.network))
        if self.cut_off not in (letter.source, letter.target):
            self.deliver(letter)

    @precondition(lambda self: self.network)
    @rule(which=anywhere)
    def duplicate(self, which: int) -> None:
        self.network.append(self.network[which % len(self.network)])

    @precondition(lambda self: self.network)
    @rule(which=anywhere)
    def lose(self, which: int) -> None:
        del self.network[which % len(self.network)]

    @rule(who=indexes)
    def cut(self, who: int) -> None:
        self.cut_off = who

    @precondition(lambda self: self.cut_off is not None)
    @rule()
    def heal(self) -> None:
        self.cut_off = None

    @invariant()
    def every_replica_shows_what_the_model_shows(self) -> None:
        assert [replica.value for replica in self.replicas] == [model.value for model in self.models]

    @invariant()
    def as_many_tags_live_as_the_model_has_live_adds(self) -> None:
        live = [sum(add not in model.removed for _, add in model.added) for model in self.models]
        assert [len(replica.tags) for replica in self.replicas] == live

    def teardown(self) -> None:
        for letter in self.sent:
            self.deliver(letter)
        assert self.replicas == self.replicas[:1] * len(REPLICAS)
        assert self.models == self.models[:1] * len(REPLICAS)
        assert self.replicas[0].value == self.models[0].value


TestReplicasOnABadNetwork = ReplicasOnABadNetwork.TestCase
TestReplicasOnABadNetwork.settings = settings(stateful_step_count=40)
