"""A store that ends with the process."""

from typing import TypeVar

from syncd_client.stored import Changes, ConfirmedItem, Head, Operation, Stored

T = TypeVar("T")


class MemoryStore:
    """Keeps everything in memory: for tools, tests, and devices without a disk."""

    def __init__(self) -> None:
        self._users: dict[str, _User] = {}

    def load(self, user_id: str) -> Stored | None:
        """See ``Store``."""
        user = self._users.get(user_id)
        if user is None:
            return None
        return Stored(user.head, tuple(user.items.values()), tuple(user.operations.values()))

    def save(self, user_id: str, changes: Changes) -> None:
        """See ``Store``."""
        user = self._users.setdefault(user_id, _User(changes.head))
        user.head = changes.head
        if changes.replaces_items:
            user.items.clear()
        _write(user.items, changes.items)
        _write(user.operations, changes.operations)

    def erase(self, user_id: str) -> None:
        """See ``Store``."""
        self._users.pop(user_id, None)

    def close(self) -> None:
        """See ``Store``."""


class _User:
    def __init__(self, head: Head) -> None:
        self.head = head
        self.items: dict[str, ConfirmedItem] = {}
        self.operations: dict[str, Operation] = {}


def _write(kept: dict[str, T], changes: dict[str, T | None]) -> None:
    for key, value in changes.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value
