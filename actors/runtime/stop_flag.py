"""A light flag that says that an actor has stopped."""

import threading


class StopFlag:
    """``threading.Event`` at a tenth of its memory while nobody waits.

    ``is_raised`` is for reading where the call of ``is_set()`` would cost too much. Thread: any.
    """

    __slots__ = ("_event", "is_raised")
    _event_creation = threading.Lock()

    def __init__(self) -> None:
        self.is_raised = False
        self._event: threading.Event | None = None

    def is_set(self) -> bool:
        """Whether ``set`` was called."""
        return self.is_raised

    def set(self) -> None:
        """Release everybody who waits, now or later."""
        self.is_raised = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Undo ``set``."""
        self.is_raised = False
        if self._event is not None:
            self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Block up to ``timeout`` seconds and return whether the flag is set."""
        with self._event_creation:
            self._event = self._event or threading.Event()
        return self.is_raised or self._event.wait(timeout)
