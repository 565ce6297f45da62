"""What happened in one simulated world, line by line: the same seed must give the same lines."""

import hashlib
from collections.abc import Callable


class EventLog:
    """Keeps every line, and a hash over all of them."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._hash = hashlib.blake2b(digest_size=16)
        self.lines: list[str] = []

    def note(self, who: str, what: str) -> None:
        """Add a line: when, ``who``, ``what``."""
        line = f"{self._now_s():10.4f} {who:<12} {what}"
        self._hash.update(line.encode())
        self.lines.append(line)

    def hash(self) -> str:
        """Return the hash of all lines so far."""
        return self._hash.hexdigest()

    def about(self, words: tuple[str, ...], last: int) -> list[str]:
        """Return the ``last`` lines that have one of ``words``."""
        return [line for line in self.lines if any(word in line for word in words)][-last:]
