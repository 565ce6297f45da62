"""An event loop on a thread of its own, for callers that have none."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs until ``stop``. Thread: any. The process does not wait for it when it ends."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_stopped = False
        """Whether nothing may be put on the loop any more: it would never run."""
        self._thread = threading.Thread(target=self._serve, name="syncd-client", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller is on it."""
        return threading.current_thread() is self._thread

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Return what ``coroutine`` does on the loop; it is cancelled if the caller is interrupted.

        Raises:
            TimeoutError: after ``timeout_s``.
            RuntimeError: the loop was stopped before.
        """
        with self._lock:
            if self._is_stopped:
                coroutine.close()
                raise RuntimeError("the client was closed meanwhile")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout_s)
        except CancelledError:
            raise RuntimeError("the client was closed meanwhile") from None
        finally:
            future.cancel()

    def stop(self, timeout_s: float | None = None) -> None:
        """End the loop with all that runs on it, and wait for that, up to ``timeout_s``."""
        with self._lock:
            self._is_stopped = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            while left := asyncio.all_tasks(self._loop):
                for task in left:
                    task.cancel()
                self._loop.run_until_complete(asyncio.wait(left))
            self._loop.close()
