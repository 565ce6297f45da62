"""Ctrl-C for the commands of the terminal: the first ends what runs in order, the second ends the process at once."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Return what ``main`` returns, as ``asyncio.run`` does, but for a second SIGINT (``timeout``, say, sends two).

    asyncio raises it as KeyboardInterrupt in the middle of its own work. A task whose turn it was is not woken any more
    then, and the process may wait for it for ever.

    Raises:
        KeyboardInterrupt: SIGINT has come, and ``main`` was cancelled.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # as in a shell's background: it is ignored
        return asyncio.run(main)
    is_interrupted = False

    async def interruptible() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt(_signal: int, _frame: object) -> None:
            nonlocal is_interrupted
            is_interrupted = True
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            loop.call_soon_threadsafe(task.cancel)

        signal.signal(signal.SIGINT, interrupt)
        try:
            return await main
        finally:
            if not is_interrupted:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        if not is_interrupted:
            raise
        raise KeyboardInterrupt from None
