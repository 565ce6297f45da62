"""Where a client keeps what it knows, by user."""

from typing import Protocol

from syncd_client.user_state import Changes, UserState


class Store(Protocol):
    """Keeps the state of every user of this device.

    Thread: the event loop; every call is short, and done when it returns.
    """

    def load(self, user_id: str) -> UserState | None:
        """Return what was saved of this user; ``None``: nothing."""

    def save(self, user_id: str, changes: Changes) -> None:
        """Write ``changes`` in one transaction. A write queued in it survives a loss of power once this returned."""

    def erase(self, user_id: str) -> None:
        """Delete everything of this user."""

    def close(self) -> None:
        """Release everything; idempotent."""
