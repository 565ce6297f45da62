"""Ctrl-C, or ``SystemExit`` of a host, between any two steps of a client: nobody hangs, and what was told is stored.

Exceptions are raised by a profile function, as a handler of signals would: where a function begins, calls, or returns.
"""

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from types import FrameType

import pytest
import syncd_client
from syncd_client import Client, Operation, SqliteStore, sync

from tests.timeouts import TIMEOUT_S

A = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
NOBODY = "http://127.0.0.1:1"
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

SOURCES = str(Path(syncd_client.__file__).parent)


class Strike:
    """Raises once, at the ``step``-th that ``sys.setprofile`` tells of in ``sources``."""

    def __init__(self, step: int, error: type[BaseException], *sources: str) -> None:
        self._left = step
        self._error = error
        self._sources = tuple(f"{SOURCES}/{source}" for source in sources)

    @property
    def is_over(self) -> bool:
        return self._left == 0

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> None:
        if frame.f_code.co_filename.startswith(self._sources):
            self._left -= 1
            if self.is_over:
                sys.setprofile(None)
                raise self._error


def profiled_by(strike: Strike | None) -> bool:
    sys.setprofile(strike)
    return True


def contents(path: Path) -> list[str]:
    with closing(SqliteStore(path)) as store:  # raises while a client has it
        state = store.load("alice")
    return [write.content_id for write in state.queue] if state else []


def until_none_strikes(live: Callable[[int], bool]) -> None:
    for step in count(1):
        if not live(step):
            assert step > 50
            gc.collect()  # now, while it is no warning that a coroutine was struck before it began
            return


def test_what_ctrl_c_interrupts_is_stored_when_the_client_is_closed(tmp_path: Path) -> None:
    def live(step: int) -> bool:
        strike = Strike(step, KeyboardInterrupt, "engine.py", "stores/")
        path = tmp_path / f"{step}.db"
        client = Client(NOBODY, SqliteStore(path))
        told: list[Operation] = []

        async def use() -> None:
            client.sign_in("alice", lambda: "a-token")
            client.disconnect()
            sys.setprofile(strike)
            told.append(client.add(A))
            await told[0]
            sys.setprofile(None)

        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            with suppress(KeyboardInterrupt):
                loop.run_until_complete(use())
            loop.run_until_complete(client.close())
        assert len(told) <= contents(path).count(A) <= 1, step
        return strike.is_over

    until_none_strikes(live)


@pytest.mark.integration
def test_what_ends_the_clients_thread_at_any_step_lets_nobody_wait_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # what is logged would be kept, with the coroutines that were struck

    def live(step: int) -> bool:
        strike = Strike(step, SystemExit, "loop_thread.py", "engine.py", "transport/link.py", "stores/")
        path = tmp_path / f"{step}.db"
        client = sync.Client(NOBODY, SqliteStore(path))
        told: list[sync.Operation] = []

        def use() -> None:
            with suppress(SystemExit, RuntimeError):
                client.sign_in("alice", lambda: "a-token")
                client.disconnect()
                client.wait_until(lambda: profiled_by(strike))
                client.connect()
                client.disconnect()
                told.append(client.add(A))
                told[0].wait()
                client.wait_until(lambda: profiled_by(None))
            client.close()

        using = threading.Thread(target=use, daemon=True)
        using.start()
        using.join(TIMEOUT_S)
        assert not using.is_alive(), step
        assert len(told) <= contents(path).count(A) <= 1, step
        return strike.is_over

    until_none_strikes(live)


def test_what_ends_the_clients_thread_while_it_is_closed_does_not_keep_it_from_that(tmp_path: Path) -> None:
    is_asked = threading.Event()

    async def exits_at_the_end() -> str:
        is_asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise SystemExit(3) from None
        return "a-token"

    client = sync.Client(NOBODY, SqliteStore(tmp_path / "client.db"))
    events = client.events()
    client.sign_in("alice", exits_at_the_end)
    client.add(A)
    assert is_asked.wait(TIMEOUT_S)
    client.close(TIMEOUT_S)
    assert list(events)
    assert contents(tmp_path / "client.db") == [A]
