"""A store that may fail at any moment, with memory to fall back on."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from syncd_client.data.renumbering import merged, renumbered
from syncd_client.data.user_state import Changes, Head, StorageKind, UserState
from syncd_client.stores.memory_store import MemoryStore
from syncd_client.stores.store import Store, StoreInUseError

logger = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.5
MAX_RETRY_S: Final = 30.0

_owners: Final = WeakValueDictionary[int, "FallbackStore"]()
"""Which of us uses an app's store, by the ``id()`` of that store."""


class FallbackStore:
    """Keeps in ``store`` what it can, and all of it in memory while that fails.

    What is saved is gathered until ``commit``. After a failure ``error`` says what is wrong, and ``retry`` writes what
    is in memory to the store when it works again. Thread: the event loop.

    Args:
        store: the app's.
        new_replica: gives a name that nobody ever had.
    """

    def __init__(self, store: Store, new_replica: Callable[[], str]) -> None:
        self._store = store
        self._new_replica = new_replica
        self._memory = MemoryStore()
        """The whole state of every user who was signed in since the store last worked."""
        self._last_user_id = ""
        self._unsaved: dict[str, Changes] = {}
        """By user, what is in memory and waits for ``commit``."""
        self._saved_heads: dict[str, Head] = {}
        """By user, the head that the store has, as far as we know."""
        self._erased: set[str] = set()
        """Users to be erased whom the store may still have, as it failed."""
        self._old_ids: dict[str, str] = {}
        """By operation id of each write that was renumbered, the id that the app was given."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop on which the store was last used, if any."""
        self.error: str | None = None
        """Why the store is not used now."""
        self.retry_after_s = FIRST_RETRY_S
        """How long to wait before the next ``retry``."""

    @property
    def kind(self) -> StorageKind:
        """Where the state is kept."""
        return "persistent" if self._store.is_persistent and self.error is None else "memory"

    @property
    def is_dirty(self) -> bool:
        """Whether something waits for ``commit``."""
        return bool(self._unsaved)

    def load(self, user_id: str) -> UserState | None:
        """Return what is kept of a user; ``None``: nothing. Forgets the other users, unless they are in memory only."""
        self._last_user_id = user_id
        if self.error is None:
            self._memory = MemoryStore()
            self._saved_heads = {}
            try:
                self._claim()
                self._note(user_id, self._store.load(user_id))
            except Exception as error:  # noqa: BLE001 - an app's own store may raise anything
                self._fail(error)
        return self._memory.load(user_id)

    def save(self, user_id: str, changes: Changes) -> None:
        """Keep ``changes`` in memory, and in the store after ``commit``."""
        self._memory.save(user_id, changes)
        if self.error is not None:
            return
        if user_id in self._unsaved:
            self._unsaved[user_id].absorb(changes)
        else:
            self._unsaved[user_id] = changes

    def commit(self) -> None:
        """Write what was saved; if there is an ``error`` after this, it is in memory only.

        What Ctrl-C interrupts is written by the next ``commit``, perhaps a second time, which changes nothing.
        """
        try:
            for user_id, changes in tuple(self._unsaved.items()):
                self._store.save(user_id, changes)
                self._saved_heads[user_id] = changes.head
                del self._unsaved[user_id]
        except Exception as error:  # noqa: BLE001 - an app's own store may raise anything
            self._fail(error)

    def erase(self, user_id: str) -> bool:
        """Delete everything of a user; ``False``: what the store has is deleted when it works again."""
        self._memory.erase(user_id)
        self._saved_heads.pop(user_id, None)
        self._unsaved.pop(user_id, None)
        try:
            self._claim()
            self._store.erase(user_id)
        except Exception as error:  # noqa: BLE001 - an app's own store may raise anything
            self._erased.add(user_id)
            self._fail(error)
        return user_id not in self._erased

    def renumber(self, user_id: str) -> UserState | None:
        """Go on in memory under another replica: the next run may know nothing of what is numbered from here on.

        Returns the state to go on with; ``None``: there is no need, as the store has never had anything of this user.
        """
        ours = self._memory.load(user_id)
        if ours is None or user_id not in self._saved_heads:
            return None
        state = self._renumbered(user_id, ours)
        self._memory.put(user_id, state)
        return state

    def id_of_app(self, operation_id: str) -> str:
        """Return the id that the app was given for a write."""
        return self._old_ids.get(operation_id, operation_id)

    def retry(self) -> dict[str, UserState]:
        """Write all that is in memory to the store if that works again.

        Returns by user the states that hold more than was in memory: another client has used the store meanwhile.
        """
        self.retry_after_s = min(MAX_RETRY_S, 2 * self.retry_after_s)
        grown: dict[str, UserState] = {}
        try:
            self._claim()
            for user_id in tuple(self._erased):
                self._store.erase(user_id)
                self._erased.discard(user_id)
            if not self._memory.user_ids:
                self._store.load(self._last_user_id)  # only to see whether it works
            for user_id in self._memory.user_ids:
                if state := self._put_back(user_id):
                    grown[user_id] = state
        except Exception as error:  # noqa: BLE001 - an app's own store may raise anything
            self._fail(error)
        else:
            self.error = None
            self.retry_after_s = FIRST_RETRY_S
        return grown

    def close(self) -> None:
        """Release the store; if it had failed, try once more to write what is in memory."""
        if self.error is not None:
            self.retry()
        if _owners.get(id(self._store)) not in (None, self):
            return
        try:
            self._store.close()
        except Exception as error:  # noqa: BLE001 - an app's own store may raise anything
            self._fail(error)
        _owners.pop(id(self._store), None)

    def _claim(self) -> None:
        """Claim the app's store until ``close`` or the end of the event loop. Raises: StoreInUseError."""
        owner = _owners.get(id(self._store), self)
        if owner is not self and not (owner._loop and owner._loop.is_closed()):
            raise StoreInUseError("another client uses this store: give each one its own")
        _owners[id(self._store)] = self
        self._loop = _running_loop()

    def _put_back(self, user_id: str) -> UserState | None:
        ours = self._memory.load(user_id)
        assert ours is not None
        state = ours
        stored = self._store.load(user_id)
        if stored is not None and stored.head != self._saved_heads.get(user_id):
            state = merged(stored, self._renumbered(user_id, ours))
        self._store.save(user_id, _all_of(state, stored))
        self._note(user_id, state)
        return None if state is ours else state

    def _renumbered(self, user_id: str, state: UserState) -> UserState:
        saved = self._saved_heads.get(user_id)
        if saved is None:
            return state
        state, old_ids = renumbered(state, saved, self._new_replica())
        self._old_ids |= {new: self.id_of_app(old) for new, old in old_ids.items()}
        return state

    def _note(self, user_id: str, state: UserState | None) -> None:
        """Note what the store has of a user."""
        if state is not None:
            self._memory.put(user_id, state)
            self._saved_heads[user_id] = state.head

    def _fail(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if reason != self.error:
            logger.info("the store failed: %s", reason, exc_info=error)  # the app is told by an event
        self.error = reason
        self._unsaved = {}


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _all_of(state: UserState, stored: UserState | None) -> Changes:
    """Return the changes that turn what is stored into ``state``."""
    return Changes(
        head=state.head,
        replaces_items=True,
        items={item.key: item for item in state.items},
        queue={
            **dict.fromkeys(write.operation_id for write in (stored.queue if stored else ())),
            **{write.operation_id: write for write in state.queue},
        },
    )
