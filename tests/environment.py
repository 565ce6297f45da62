"""What a program that a test starts must inherit, however bare its environment is to be."""

import os

import pytest

MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""Nothing, unless coverage is measured: then in the program, too."""

UNMEASURED = dict.fromkeys(MEASURED, "")
"""Put over these, lets a program run unmeasured, which takes less: one that is killed, or runs nothing new."""


def measure_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever this test starts run unmeasured."""
    for name, value in UNMEASURED.items():
        monkeypatch.setenv(name, value)
