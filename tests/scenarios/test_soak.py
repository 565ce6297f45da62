"""The soak in short: everything fails once and nothing is found; and its audit does find what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.soak.audit import compare
from bench.soak.ledger import FIRST_FOREIGN_FILM, USERS, Change, Ledger, Listing, Write, film
from bench.soak.memory import WARM_UP_S, Samples
from tests.timeouts import TIMEOUT_S

ROOT = Path(__file__).parents[2]
USER = USERS[0]


FAULTS = (
    *("node killed", "node restarted", "node frozen", "bus disturbed", "bus killed", "bus frozen"),
    *("connections cut", "apps offline", "slow devices"),
)


@pytest.mark.integration
@pytest.mark.timeout(15 * TIMEOUT_S)
@pytest.mark.parametrize(("nodes", "faults"), [(1, FAULTS), (2, (*FAULTS, "database crashed"))], ids=["1", "2"])
def test_a_short_soak_ends_with_nothing_lost_nothing_twice_and_nothing_left_behind(
    nodes: int, faults: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "bench.soak", "--minutes", "0.15", "--seed", "10", "--nodes", str(nodes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing twice, nothing left behind" in done.stdout
    for counted in (*faults, "revisions in the journal"):
        assert f"\n  {counted} " in done.stdout


@pytest.fixture
def ledger() -> Ledger:
    """Of a user who added two contents and removed the first; a foreign publisher added a third."""
    ledger = Ledger()
    changes = [
        Change("add", film(1)),
        Change("add", film(2)),
        Change("remove", film(1)),
        Change("add", film(FIRST_FOREIGN_FILM)),
    ]
    ledger.recorded[USER], ledger.witnessed[USER] = [*changes], [*changes]
    for revision, change in enumerate(changes[:3], 1):
        ledger.acknowledge(USER, Write(f"op-{revision}", change.content_id), revision)
    ledger.listings[USER] += [Listing(0, frozenset()), Listing(3, frozenset([film(2)]))]
    return ledger


def test_the_audit_is_content_with_what_agrees(ledger: Ledger) -> None:
    compare(USER, ledger)
    assert not ledger.wrongs


def test_the_audit_finds_an_acknowledged_write_that_the_journal_has_lost(ledger: Ledger) -> None:
    ledger.acknowledge(USER, Write("op-9", film(9)), 5)
    compare(USER, ledger)
    assert "1 acknowledged writes are lost" in ledger.wrongs[0]


def test_the_audit_finds_what_is_in_the_journal_twice(ledger: Ledger) -> None:
    for content_id in (film(2), film(FIRST_FOREIGN_FILM)):
        ledger.recorded[USER].append(Change("add", content_id))
        ledger.witnessed[USER].append(Change("add", content_id))
    compare(USER, ledger)
    assert {wrong.split(" ", 2)[2] for wrong in ledger.wrongs} == {
        "was written more often than asked for: 1",
        "of a foreign publisher was applied 2 times",
    }


def test_the_audit_finds_a_revision_that_was_not_shown_and_a_list_that_never_was(ledger: Ledger) -> None:
    del ledger.witnessed[USER][1]
    ledger.listings[USER].append(Listing(2, frozenset([film(2)])))
    compare(USER, ledger)
    assert len(ledger.wrongs) == 2


def test_two_revisions_of_one_write_and_two_writes_of_one_revision_are_wrong_at_once(ledger: Ledger) -> None:
    ledger.acknowledge(USER, Write("op-1", film(1)), 1)
    assert not ledger.wrongs
    ledger.acknowledge(USER, Write("op-1", film(1)), 5)
    ledger.acknowledge(USER, Write("op-7", film(2)), 2)
    assert len(ledger.wrongs) == 2


@pytest.mark.parametrize(("mib_per_minute", "is_flat"), [(0.0, True), (0.9, True), (1.1, False), (60.0, False)])
def test_the_memory_of_a_life_is_judged_by_its_slope_after_the_warm_up(mib_per_minute: float, is_flat: bool) -> None:
    samples = Samples()
    for second in range(480):
        samples.add(1, second, 50 + min(second, WARM_UP_S) + second * mib_per_minute / 60)
    trend = samples.trend(1)
    assert trend is not None
    assert trend.mib_per_minute == pytest.approx(mib_per_minute, abs=0.01)
    assert trend.is_flat is is_flat
