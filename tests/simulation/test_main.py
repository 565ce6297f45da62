"""The command: it runs seeds, says how far it is, and how a failed one is run again."""

import pytest

from simulation.__main__ import main
from simulation.shape import draw_shape
from simulation.world import Verdict

SEED = 6
"""A small world."""


def test_it_says_how_many_worlds_have_kept_the_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--base", str(SEED)]) == 0
    assert "1 of 1 worlds" in capsys.readouterr().out


def test_without_node_it_says_which_worlds_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert draw_shape(SEED + 1).javascript
    assert main(["--seeds", "2", "--base", str(SEED)]) == 0
    said = capsys.readouterr().out
    assert "1 worlds are LEFT OUT" in said
    assert "1 of 1 worlds" in said


def test_a_failed_seed_is_named_with_the_end_of_its_history(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tuple(f"line {number}" for number in range(100))
    monkeypatch.setattr(
        "simulation.__main__.run_world", lambda shape: Verdict(shape, "0f", ("a gap",) * 11, lines, 1.0)
    )
    assert main(["--seeds", "1", "--base", str(SEED), "--lines", "2"]) == 1
    said = capsys.readouterr().out
    assert said.count(f"FAILED seed {SEED}") == 2
    assert "1 nodes, 1 users with 1 devices, 1 steps" in said
    assert "and 1 more" in said
    assert "line 98" in said
    assert "line 97" not in said
    assert f"make simulate BASE={SEED} SEEDS=1" in said
