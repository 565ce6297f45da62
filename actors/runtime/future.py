"""The future of every answer: awaited on any event loop, or waited for by any other thread.

Knows nothing of actors.
"""

import asyncio
import functools
import logging
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from pykka import Future, Timeout

T = TypeVar("T")
J = TypeVar("J")
M = TypeVar("M")
R = TypeVar("R")

GetHook = Callable[[float | None], Any]
ExcInfo = tuple[Any, Any, Any]

logger = logging.getLogger(__name__)


class LoopFuture(Future[T]):
    """Pykka's future contract, without ever blocking an event loop.

    ``await`` lets the loop run on. ``get()`` blocks a plain thread; on a thread whose loop is running it returns what
    is already set and otherwise raises, because that loop may have to produce the value.

    A future made by ``map``, ``filter``, ``join`` or ``reduce`` computes its value when it is read, as Pykka's do: by
    the reading thread, and once. An ``await`` first waits for the futures it was made from. A get hook of somebody
    else's may block, so an ``await`` runs it on a thread of the loop's default executor.

    Thread: any, for every method.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._result: tuple[Any, ExcInfo | None] | None = None
        self._callbacks: list[Callable[[Any], object]] | None = None
        self._sources: tuple[Future[Any], ...] = ()

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the value, or raise the exception, that was set; wait for it up to ``timeout`` seconds.

        Raises:
            Timeout: nothing was set in time.
            RuntimeError: nothing is set yet and this thread runs an event loop: ``await`` the future instead.
        """
        if not self._is_decided():
            self._block(timeout)
        if self._result is None:
            return self._get_from_hook(timeout)
        value, exc_info = self._result
        if exc_info is None:
            return value
        exc_type, error, traceback = exc_info
        raise (exc_type() if error is None else error).with_traceback(traceback)

    def set(self, value: Any = None) -> None:
        """Set the value. Raises: queue.Full: the future already has a result or a get hook."""
        self._set_result((value, None))

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Set the exception described by ``exc_info`` (default: the one being handled).

        Raises:
            queue.Full: the future already has a result or a get hook.
        """
        self._set_result((None, exc_info or sys.exc_info()))

    def set_get_hook(self, func: GetHook) -> None:
        """Let ``func(timeout)`` produce the value when it is read. Raises: queue.Full: there is a result already."""
        with self._lock:
            if self._result is not None:
                raise queue.Full
            self._hook_lock = threading.Lock()
            self._sources = ()
            super().set_get_hook(func)
            callbacks, self._callbacks = self._callbacks, None
        self._run(callbacks)

    def add_done_callback(self, func: Callable[["LoopFuture[T]"], object]) -> None:
        """Call ``func(self)`` once a result is set, at once if it is.

        A future with a get hook, such as a derived one, makes its result when it is read: it counts as set. An
        exception of ``func`` is logged.

        Thread: ``func`` runs on the thread that sets the result; it must not block.
        """
        with self._lock:
            if not self._is_decided():
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(func)
                return
        self._run([func])

    def filter(self: "LoopFuture[Iterable[J]]", func: Callable[[J], bool]) -> Future[Iterable[J]]:
        """See ``pykka.Future.filter``."""
        return self._derive(lambda timeout: [item for item in self.get(timeout=timeout) if func(item)], self)

    def join(self: "LoopFuture[Any]", *futures: Future[Any]) -> Future[Iterable[Any]]:
        """See ``pykka.Future.join``."""
        return self._derive(lambda timeout: [each.get(timeout=timeout) for each in (self, *futures)], self, *futures)

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """See ``pykka.Future.map``."""
        return self._derive(lambda timeout: func(self.get(timeout=timeout)), self)

    def reduce(self: "LoopFuture[Iterable[J]]", func: Callable[[R, J], R], *args: R) -> Future[R]:
        """See ``pykka.Future.reduce``."""
        return self._derive(lambda timeout: functools.reduce(func, self.get(timeout=timeout), *args), self)

    def __await__(self) -> Generator[Any, None, T]:
        for leaf in self._leaves():
            if isinstance(leaf, LoopFuture):
                yield from leaf._until_decided()
            if not isinstance(leaf, LoopFuture) or leaf._result is None:  # only a thread can wait for it
                return (yield from self._get_on_a_thread())
        if self._get_hook is not None and self._hook_lock.locked():  # another thread computes, who knows how long
            return (yield from self._get_on_a_thread())
        value: T = self.get()
        return value

    __iter__ = __await__

    def _is_decided(self) -> bool:
        return self._result is not None or self._get_hook is not None

    def _set_result(self, result: tuple[Any, ExcInfo | None]) -> None:
        with self._lock:
            if self._is_decided():
                raise queue.Full
            self._result = result
            callbacks, self._callbacks = self._callbacks, None
        self._run(callbacks)

    def _run(self, callbacks: Iterable[Callable[[Any], object]] | None) -> None:
        for func in callbacks or ():
            try:
                func(self)
            except Exception:  # the setter is not to blame, and the other callbacks still want to know
                logger.exception("A done callback of a future raised")

    def _remove_done_callback(self, func: Callable[[Any], object]) -> None:
        with self._lock:
            if self._callbacks is not None and func in self._callbacks:
                self._callbacks.remove(func)

    def _block(self, timeout: float | None) -> None:
        _reject_blocking(timeout)
        is_set = threading.Event()

        def wake(_: Any) -> None:
            is_set.set()

        self.add_done_callback(wake)
        if not is_set.wait(timeout):
            self._remove_done_callback(wake)
            raise Timeout(f"{timeout} seconds")

    def _get_from_hook(self, timeout: float | None) -> Any:
        # Not under `_lock`: a hook may block, and the loop takes `_lock` of every future it touches.
        if not self._hook_lock.acquire(blocking=False):
            _reject_blocking(timeout)
            if not self._hook_lock.acquire(timeout=-1 if timeout is None else timeout):
                raise Timeout(f"{timeout} seconds")
        try:
            return super().get(timeout=timeout)
        finally:
            self._hook_lock.release()

    def _until_decided(self) -> Generator[Any, None, None]:
        if self._is_decided():
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()

        def release() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake(_: Any) -> None:
            if asyncio._get_running_loop() is loop:
                release()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(release)

        self.add_done_callback(wake)
        try:
            yield from waiter
        finally:
            if self._result is None:
                self._remove_done_callback(wake)

    def _get_on_a_thread(self) -> Generator[Any, None, T]:
        value: T = yield from asyncio.get_running_loop().run_in_executor(None, self.get)
        return value

    @staticmethod
    def _derive(hook: GetHook, *sources: Future[Any]) -> "LoopFuture[Any]":
        derived: LoopFuture[Any] = LoopFuture()
        derived.set_get_hook(hook)
        derived._sources = sources
        return derived

    def _leaves(self) -> Iterator[Future[Any]]:
        """Yield the futures that really have to be set (or waited for) before this one can be read."""
        if not self._sources:
            yield self
        for source in self._sources:
            if isinstance(source, LoopFuture):
                yield from source._leaves()
            else:
                yield source


def _reject_blocking(timeout: float | None) -> None:
    if timeout is not None and timeout <= 0:
        raise Timeout(f"{timeout} seconds")
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("get() would block this thread's running event loop: await the future instead")
