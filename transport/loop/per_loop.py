"""What there is once for each event loop, made when it is first asked for."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Keeps one for each loop, as long as the loop is there. Thread: that of the loop that is asked for.

    Args:
        make: makes one.
    """

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def of_running_loop(self) -> T:
        """Return the running loop's, shared by everything on it. Raises: RuntimeError, none runs."""
        loop = asyncio.get_running_loop()
        found = self._made.get(loop)
        if found is None:
            found = self._made[loop] = self._make(loop)
        return found

    def use(self, one: T, loop: asyncio.AbstractEventLoop) -> None:
        """Let ``one`` be that of ``loop``."""
        self._made[loop] = one
