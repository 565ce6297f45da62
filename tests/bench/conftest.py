"""What the bench starts: in a directory of the test, and only where it is installed."""

from pathlib import Path

import pytest

from bench.programs import Program


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def need(*programs: Program) -> None:
    for program in programs:
        if program.find() is None:
            pytest.skip(f"{program} is not installed")
