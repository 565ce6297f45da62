"""The signals that stop the daemon: in any order, as often as they come, from its first step to its last."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """Remembers that the daemon is to stop. Thread: the main one.

    Not the loop's own handlers: they come with the loop and go with it, and a second signal would then end the process
    in the middle of its last steps, with another exit status.
    """

    def __init__(self) -> None:
        self._has_come = False
        self._stop: Callable[[], object] | None = None

    def listen(self) -> None:
        """Take the signals from now on. A SIGHUP that is ignored stays so: whoever used nohup wants that."""
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._come)

    @contextmanager
    def calling(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop`` on the running loop at each signal, for the length of the context; at once if one has come."""
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stop)
        if self._has_come:
            loop.call_soon(stop)
        try:
            yield
        finally:
            self._stop = None

    def _come(self, _signal: int, _frame: object) -> None:
        self._has_come = True
        if self._stop is not None:
            self._stop()


def ignore_signals() -> None:
    """Let no signal that the daemon knows change its exit status: Python gives up its handlers before it ends."""
    for number in (*STOP_SIGNALS, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
