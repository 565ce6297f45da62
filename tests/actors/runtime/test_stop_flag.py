"""A stop flag does what ``threading.Event`` does."""

import threading

from actors.runtime.stop_flag import StopFlag
from tests.timeouts import TIMEOUT_S


def test_whoever_waits_is_released_by_set() -> None:
    flag = StopFlag()
    assert not flag.wait(0)
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(flag.wait(TIMEOUT_S)))
    thread.start()
    flag.set()
    thread.join(TIMEOUT_S)
    assert results == [True]
    assert flag.wait(0)


def test_a_flag_that_is_cleared_can_be_waited_for_again() -> None:
    flag = StopFlag()
    for _ in range(2):
        assert not flag.is_set()
        flag.set()
        assert flag.is_set()
        flag.clear()
        assert not flag.wait(0)
