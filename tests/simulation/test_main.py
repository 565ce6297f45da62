"""The command: it runs seeds, says how far it is, and tells of a failed one."""

from collections import Counter
from pathlib import Path

import pytest

from simulation.__main__ import main
from simulation.life import Verdict
from simulation.shape import Shape, draw_shape

SEED = 6
"""A small world."""


LINES = "".join(f"event {number}\n" for number in range(100))


def broken(shape: Shape, page: str = LINES) -> Verdict:
    """A world that broke the promise."""
    return Verdict(
        shape=shape,
        hash="0f",
        violations=("a gap",) * 11,
        events=(),
        size=100,
        virtual_s=1.0,
        met=Counter(),
        page=page,
    )


def test_it_says_how_many_worlds_have_kept_the_promise_and_what_they_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--base", str(SEED), "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert f"seeds {SEED} to {SEED}, and 0 that have failed once" in said
    assert "1 of 1 worlds" in said
    assert "0 failed" in said
    assert "for each second of a processor" in said
    assert "never met: " in said


def test_without_node_it_says_which_worlds_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert draw_shape(SEED + 1).javascript
    assert main(["--seeds", "2", "--base", str(SEED), "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "1 worlds are LEFT OUT" in said
    assert "1 of 1 worlds" in said


def test_a_failed_seed_is_named_with_the_end_of_its_history(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("simulation.running.run_world", broken)
    options = ["--jobs", "1", "--lines", "2", "--pages", str(tmp_path / "pages")]
    assert main(["--seeds", "1", "--base", str(SEED), *options]) == 1
    said = capsys.readouterr().out
    assert said.count(f"FAILED seed {SEED}") == 2
    assert "1 nodes, 1 users with 1 devices, 1 steps" in said
    assert "and 1 more" in said
    assert "event 98" in said
    assert "event 97" not in said
    assert f"make simulate BASE={SEED} SEEDS=1" in said
    assert "event 0" in (tmp_path / "pages" / f"seed-{SEED}.txt").read_text()


def test_the_page_of_the_user_concerned_is_written_to_a_file_that_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("simulation.running.run_world", lambda shape: broken(shape, "user-1 in the world\nhad a gap\n"))
    assert main(["--seeds", "1", "--base", str(SEED), "--jobs", "1", "--pages", str(tmp_path)]) == 1
    file = tmp_path / f"seed-{SEED}.txt"
    assert f"the whole history: {file}" in capsys.readouterr().out
    assert file.read_text() == "user-1 in the world\nhad a gap\n"


def test_seeds_that_have_failed_once_are_run_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seeds, ran = tmp_path / "seeds.txt", list[int]()
    seeds.write_text("77  # a gap\n")
    monkeypatch.setattr("simulation.__main__.KEPT_SEEDS", seeds)

    def keeping(shape: Shape) -> Verdict:
        ran.append(shape.seed)
        return Verdict(shape=shape, hash="0f", violations=(), events=(), size=1, virtual_s=1.0, met=Counter(), page="")

    monkeypatch.setattr("simulation.running.run_world", keeping)
    assert main(["--seeds", "2", "--base", "5", "--jobs", "1"]) == 0
    assert main(["--seeds", "2", "--base", "5", "--jobs", "1", "--kept"]) == 0
    assert ran == [5, 6, 77, 5, 6]
    assert "and 1 that have failed once" in capsys.readouterr().out
