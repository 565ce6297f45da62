import gc
from collections.abc import Iterator

import pytest

from syncd.process.garbage import THRESHOLDS, tune


@pytest.fixture(autouse=True)
def _untuned() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_what_is_there_is_left_out_of_collections_which_become_rare() -> None:
    frozen_before = gc.get_freeze_count()
    stays: list[object] = [[]]
    tune()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > frozen_before
    assert not any(found is stays for found in gc.get_objects())


def test_what_comes_later_is_still_collected() -> None:
    tune()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() > 0
