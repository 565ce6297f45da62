"""Many worlds: the same outcomes in one process as in several, and seeds that are kept in a file."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from simulation.life import run_world
from simulation.running import KEPT_SEEDS, read_seeds, run_all, shrunk
from simulation.shape import draw_small_shape
from tests.simulation.defects import relay_to_everybody


@pytest.mark.integration
def test_several_processes_run_the_same_worlds_in_the_same_order() -> None:
    shapes = [draw_small_shape(seed) for seed in range(6)]
    alone, together = list(run_all(shapes, jobs=1)), list(run_all(shapes, jobs=2))
    assert [one.verdict.hash for one in alone] == [one.verdict.hash for one in together]
    assert [one.verdict.shape for one in together] == shapes
    assert all(one.cpu_s > 0 for one in together)


def test_a_world_that_kept_the_promise_leaves_no_events_behind() -> None:
    (one,) = run_all([draw_small_shape(0)], jobs=1)
    assert one.verdict.events == ()
    assert one.verdict.size > 50


def test_small_worlds_have_two_nodes_three_users_and_about_200_events() -> None:
    shapes = [draw_small_shape(seed) for seed in range(8)]
    assert {(shape.nodes, shape.users) for shape in shapes} == {(2, 3)}
    assert 150 < sum(one.verdict.size for one in run_all(shapes, jobs=1)) / len(shapes) < 250


@pytest.mark.actors_may_fail
def test_a_world_that_breaks_the_promise_has_a_smaller_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    relay_to_everybody(monkeypatch)
    verdict = run_world(replace(draw_small_shape(0), faults=frozenset()))
    small = shrunk(verdict)
    assert small.violations
    assert small.events
    assert small.size < verdict.size


def test_the_kept_seeds_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "seeds.txt"
    file.write_text("# a comment\n\n17\n20261126003  # an add was lost\n")
    assert read_seeds(file) == [17, 20261126003]
    seeds = read_seeds(KEPT_SEEDS)
    assert len(seeds) == len(set(seeds))
