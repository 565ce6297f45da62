"""A store that ends with the process."""

from typing import TypeVar

from syncd_client.data.user_state import Changes, ConfirmedItem, Head, PendingWrite, UserState

T = TypeVar("T")


class MemoryStore:
    """Keeps everything in memory: for tools, tests, and devices without a disk."""

    is_persistent = False

    def __init__(self) -> None:
        self._users: dict[str, _User] = {}

    @property
    def user_ids(self) -> tuple[str, ...]:
        """The users of whom something is kept."""
        return tuple(self._users)

    def load(self, user_id: str) -> UserState | None:
        """Return what was saved of this user; ``None``: nothing."""
        user = self._users.get(user_id)
        if user is None:
            return None
        return UserState(user.head, tuple(user.items.values()), tuple(user.queue.values()))

    def save(self, user_id: str, changes: Changes) -> None:
        """Keep ``changes`` until the process ends."""
        user = self._users.setdefault(user_id, _User(changes.head))
        user.head = changes.head
        if changes.replaces_items:
            user.items.clear()
        _write(user.items, changes.items)
        _write(user.queue, changes.queue)

    def put(self, user_id: str, state: UserState) -> None:
        """Keep ``state`` instead of what there is of this user."""
        self._users[user_id] = user = _User(state.head)
        user.items = {item.key: item for item in state.items}
        user.queue = {write.operation_id: write for write in state.queue}

    def erase(self, user_id: str) -> None:
        """Forget everything of this user."""
        self._users.pop(user_id, None)

    def close(self) -> None:
        """Do nothing: a store in memory may be given to the next client."""


class _User:
    def __init__(self, head: Head) -> None:
        self.head = head
        self.items: dict[str, ConfirmedItem] = {}
        self.queue: dict[str, PendingWrite] = {}


def _write(kept: dict[str, T], changes: dict[str, T | None]) -> None:
    for key, value in changes.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value
