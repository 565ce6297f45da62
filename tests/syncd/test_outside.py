"""What a node takes from outside: the machine's clocks, chance and processes, or a test's."""

from collections import Counter
from pathlib import Path

from storage.processes.client import StoreProcesses
from syncd.outside import MACHINE, Outside
from syncd.settings import Settings


def test_the_wall_clock_is_told_in_milliseconds() -> None:
    assert Outside(wall_ns=lambda: 1_764_000_000_123_999_999).now_ms() == 1_764_000_000_123


def test_by_default_clock_names_and_store_are_the_machines(tmp_path: Path) -> None:
    assert 1_700_000_000_000 < MACHINE.now_ms() < 10_000_000_000_000
    assert MACHINE.new_name() != MACHINE.new_name()
    store = MACHINE.open_store(Settings(data_dir=tmp_path), Counter())
    assert isinstance(store, StoreProcesses)
    assert store.pids() == {}
