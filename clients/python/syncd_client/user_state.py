"""What a client keeps of one user between two runs, and how it changes."""

from typing import Protocol

from msgspec import Struct, field

from syncd_client.hlc import NEVER, Timestamp
from syncd_client.messages import Action, Write


class Head(Struct, frozen=True, kw_only=True):
    """Where the user's list stands on this device, and what the device has numbered."""

    replica: str
    """Names this stored state, at random; lost with it."""
    adds: int = 0
    """Adds numbered under ``replica``."""
    operations: int = 0
    """Operations numbered, adds and removes."""
    clock: Timestamp = NEVER
    revision: int = 0
    """The last one applied."""
    epoch: str | None = None


class ConfirmedItem(Struct, frozen=True):
    """A content that the service says is in the list."""

    content_id: str
    timestamp: Timestamp
    rank: int
    """Orders equal timestamps: an update's revision; minus its place for an item of a snapshot."""
    device_id: str | None

    @property
    def age_key(self) -> tuple[Timestamp, int]:
        """Sorts older before newer."""
        return self.timestamp, self.rank


class Operation(Struct, frozen=True, kw_only=True):
    """A wish of the user that is not settled."""

    operation_id: str
    operation: Action
    content_id: str
    tag: str | None
    observed: int
    timestamp: Timestamp
    is_stamped_by_service: bool = False
    """The service found ``timestamp`` too far ahead: it is only shown, no longer sent."""

    def as_write(self) -> Write:
        """Return the message that asks for it: the same, however often it is sent."""
        return Write(
            id=self.operation_id,
            operation=self.operation,
            content_id=self.content_id,
            operation_id=self.operation_id,
            tag=self.tag,
            observed=self.observed,
            timestamp=None if self.is_stamped_by_service else self.timestamp,
        )


class Stored(Struct, frozen=True):
    """Everything of one user; ``queue`` in the order it came."""

    head: Head
    items: tuple[ConfirmedItem, ...] = ()
    queue: tuple[Operation, ...] = ()


class Changes(Struct, kw_only=True):
    """What is to be written, all or nothing. By content id and operation id; ``None``: delete it."""

    head: Head
    replaces_items: bool = False
    """Delete all items first."""
    items: dict[str, ConfirmedItem | None] = field(default_factory=dict)
    operations: dict[str, Operation | None] = field(default_factory=dict)

    @property
    def are_visible(self) -> bool:
        """Whether the list may look different now."""
        return self.replaces_items or bool(self.items) or bool(self.operations)


class Store(Protocol):
    """Where a client keeps what it knows, by user.

    Thread: the event loop; every call is short, and done when it returns.
    """

    def load(self, user_id: str) -> Stored | None:
        """Return what was saved of this user; ``None``: nothing."""

    def save(self, user_id: str, changes: Changes) -> None:
        """Write ``changes`` in one transaction. An operation in it survives a loss of power once this returned."""

    def erase(self, user_id: str) -> None:
        """Delete everything of this user."""

    def close(self) -> None:
        """Release everything; idempotent."""
