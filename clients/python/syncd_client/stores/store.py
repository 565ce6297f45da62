"""Where a client keeps what it knows, by user."""

from typing import Protocol

from syncd_client.data.user_state import Changes, UserState


class StoreInUseError(Exception):
    """Another client uses the store: both would give their writes the same numbers."""


class Store(Protocol):
    """Keeps the state of every user of this device; an app may bring its own.

    A call may raise any ``Exception``: then nothing of it was stored, and the client goes on in memory. From time to
    time it tries ``load`` again, and if that works it writes all there is with one ``save``. One client at a time may
    use what is stored: a store that others can reach raises while another client has it.

    Thread: that of the client's event loop; a call must be short, and done when it returns.
    """

    @property
    def is_persistent(self) -> bool:
        """Whether what is kept outlives the process."""

    def load(self, user_id: str) -> UserState | None:
        """Return what was saved of this user; ``None``: nothing. Opens the store if need be, also after ``close``."""

    def save(self, user_id: str, changes: Changes) -> None:
        """Keep ``changes``, all or nothing. Writes queued in them survive a loss of power once this has returned."""

    def erase(self, user_id: str) -> None:
        """Delete everything of this user."""

    def close(self) -> None:
        """Release everything, so that another client may use it; idempotent."""


def check_store(store: Store) -> Store:
    """Return ``store`` if it is one.

    Raises:
        TypeError: it is not.
    """
    if isinstance(store, type) or not all(
        hasattr(store, name) for name in ("is_persistent", "load", "save", "erase", "close")
    ):
        raise TypeError("store: must be a store, such as SqliteStore('watchlist.db'): see syncd_client.Store")
    return store
