"""An event loop on a thread of its own, for callers that have none."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


class _DaemonThreads(ThreadPoolExecutor):
    """Gives each call a thread of its own, for which the process does not wait.

    The loop asks for names of hosts on its executor. A pool takes nothing more once the main thread has ended, while
    other threads may use the client for hours, and a process waits for the threads of its pools.
    """

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                value = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - told to who waits, whatever it is
                future.set_exception(error)
            else:
                future.set_result(value)

        threading.Thread(target=run, name="syncd-client executor", daemon=True).start()
        return future


class LoopThread:
    """Runs until ``stop``. Thread: any, of the process that made it. The process does not wait for it when it ends.

    Args:
        on_exit: is run last, also if ``SystemExit`` ends it: of the app's own code, or of a host that ends threads so.
    """

    def __init__(self, on_exit: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._on_exit = on_exit
        self._process_id = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._lock = threading.RLock()
        """May be taken again by a thread that holds it, for ``run``."""
        self._is_stopped = False
        """Whether nothing may be put on the loop any more: it would never run."""
        self._is_leaving = False
        self._waiting: set[SimpleQueue[Any]] = set()
        """By what each caller of ``run`` gets its answer, or ``None`` if the loop has ended without one."""
        self._thread = threading.Thread(target=self._serve, name="syncd-client", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller is on it."""
        return threading.current_thread() is self._thread

    @property
    def is_of_parent(self) -> bool:
        """Whether this process was forked from the one in which it runs: threads are not inherited."""
        return os.getpid() != self._process_id

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Return what ``coroutine`` does on the loop; it is cancelled if the caller is interrupted.

        A handler of signals may call it in the midst of a call of its thread. So the answer comes by a queue, which may
        be entered again, and not by a future of ``concurrent.futures``, whose lock the thread may hold.

        Raises:
            TimeoutError: after ``timeout_s``.
            RuntimeError: the loop was stopped before, or runs in another process.
        """
        done = SimpleQueue[asyncio.Task[T] | None]()
        self._waiting.add(done)
        try:
            task = self._answer(coroutine, done, timeout_s)
        finally:
            self._waiting.discard(done)
        if task is None:
            coroutine.close()
            raise RuntimeError("the client was closed meanwhile")
        try:
            return task.result()
        except asyncio.CancelledError:
            raise RuntimeError("the client was closed meanwhile") from None

    def _answer(
        self, coroutine: Coroutine[Any, Any, T], done: SimpleQueue[asyncio.Task[T] | None], timeout_s: float | None
    ) -> asyncio.Task[T] | None:
        cancel = self._start(coroutine, done.put)
        try:
            return done.get(timeout=None if timeout_s is None else max(timeout_s, 0))
        except BaseException as error:
            with suppress(RuntimeError):  # the loop is closed: all that ran on it was cancelled
                self._loop.call_soon_threadsafe(cancel)
            if isinstance(error, Empty):
                raise TimeoutError from None
            raise

    def _start(
        self, coroutine: Coroutine[Any, Any, T], on_done: Callable[[asyncio.Task[T]], None]
    ) -> Callable[[], None]:
        """Have ``coroutine`` run, and ``on_done`` called behind it; returns what cancels it, on the loop.

        Raises:
            RuntimeError: as ``run``.
        """
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            tasks.append(self._loop.create_task(coroutine))
            tasks[0].add_done_callback(on_done)

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        if self.is_of_parent:
            coroutine.close()
            raise RuntimeError("the client runs in the process that this one was forked from: make another one here")
        with self._lock:
            if not self._is_stopped:
                with suppress(RuntimeError):  # a handler of signals has closed the client in the midst of this
                    self._loop.call_soon_threadsafe(start)
                    return cancel
        coroutine.close()
        raise RuntimeError("the client was closed meanwhile")

    def stop(self) -> None:
        """Let it end, with all that runs on it; idempotent."""
        with self._lock:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._leave)
            self._is_stopped = True

    def _leave(self) -> None:
        """Stop the loop, once: what it runs last is to go on. Thread: this one."""
        if not self._is_leaving:
            self._is_leaving = True
            self._loop.stop()

    def has_ended_after(self, timeout_s: float | None) -> bool:
        """Wait for the end, up to ``timeout_s``, and return whether that has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        except SystemExit:
            logger.warning("SystemExit ends the thread of a client, which is closed", exc_info=True)
        finally:
            self._is_leaving = True
            self._is_stopped = True  # without the lock: a handler of signals may wait for this thread and have it
            try:
                self._run_last()
            finally:
                self._end_tasks()
                self._loop.close()
                for done in tuple(self._waiting):  # what SystemExit has struck while it was begun answers nobody
                    done.put(None)

    def _run_last(self) -> None:
        ending = self._loop.create_task(self._on_exit())
        while not ending.done():
            with suppress(SystemExit):  # another one, or the same of what was struck by it: this goes on
                self._loop.run_until_complete(ending)
        ending.result()

    def _end_tasks(self) -> None:
        while left := asyncio.all_tasks(self._loop):
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(left))
