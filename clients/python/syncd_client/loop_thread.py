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

    The loop resolves host names on its executor. A real pool accepts nothing more once the main thread has ended,
    though other threads may use the client for hours; and a process waits for the threads of its pools.
    """

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                value = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - passed to the caller, whatever it is
                future.set_exception(error)
            else:
                future.set_result(value)

        threading.Thread(target=run, name="syncd-client executor", daemon=True).start()
        return future


class LoopThread:
    """Runs until ``stop``; a process that ends does not wait for it. Thread: any, of the process that made it.

    Args:
        on_exit: is run last, even if ``SystemExit`` ends the thread: the app's own code may raise it, or its host.
    """

    def __init__(self, on_exit: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._on_exit = on_exit
        self._process_id = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(_DaemonThreads())
        self._lock = threading.RLock()
        """Reentrant, as a signal handler may call ``run`` in the middle of ``run``."""
        self._is_stopped = False
        """Whether the loop accepts nothing more: it would never run."""
        self._is_leaving = False
        self._waiting: set[SimpleQueue[Any]] = set()
        """Brings each caller of ``run`` its answer, or ``None`` if the loop has ended without one."""
        self._thread = threading.Thread(target=self._serve, name="syncd-client", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    @property
    def is_of_parent(self) -> bool:
        """Whether it runs in the process from which this one was forked: threads are not inherited."""
        return os.getpid() != self._process_id

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Run ``coroutine`` on the loop and return its result; it is cancelled if the caller is interrupted.

        A signal handler may call this in the middle of another call on the same thread. So the answer comes through a
        queue, which is reentrant, and not by a ``concurrent.futures`` future, whose lock the thread may hold.

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
        """Have ``coroutine`` run, and ``on_done`` called after it; return what cancels it when called on the loop.

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
                with suppress(RuntimeError):  # a signal handler has closed the client in the middle of this
                    self._loop.call_soon_threadsafe(start)
                    return cancel
        coroutine.close()
        raise RuntimeError("the client was closed meanwhile")

    def stop(self) -> None:
        """Have it end, with all that runs on it; idempotent."""
        with self._lock:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._leave)
            self._is_stopped = True

    def _leave(self) -> None:
        """Stop the loop, but only once: ``on_exit`` runs on it after that. Thread: this one."""
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
            self._is_stopped = True  # without the lock: a signal handler may hold it and wait for this thread
            try:
                self._run_last()
            finally:
                self._end_tasks()
                self._loop.close()
                for done in tuple(self._waiting):  # a call that SystemExit has hit as it began gets no other answer
                    done.put(None)

    def _run_last(self) -> None:
        ending = self._loop.create_task(self._on_exit())
        while not ending.done():
            with suppress(SystemExit):  # another one, or the same again from what it has hit: this goes on
                self._loop.run_until_complete(ending)
        ending.result()

    def _end_tasks(self) -> None:
        while left := asyncio.all_tasks(self._loop):
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(left))
