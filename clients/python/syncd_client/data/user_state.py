"""What a client keeps of one user from one run to the next, and how it changes."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field, structs

from syncd_client.data.collection_names import REGISTERS, WATCHLIST, collection_of_list, list_in
from syncd_client.data.hlc import NEVER, Timestamp
from syncd_client.data.messages import Action, AnyWrite, ListWrite, Write
from syncd_client.data.register_messages import REGISTER_WRITES, DeviceWrite, ProgressWrite, RegisterAction

StorageKind = Literal["persistent", "memory"]
"""Whether what is kept outlives the process."""


class ListHead(Struct, frozen=True, kw_only=True):
    """Where one collection stands on this device."""

    replica: str = ""
    """The replica under which ``adds`` are numbered; empty for registers."""
    adds: int = 0
    revision: int = 0
    """The last one applied."""
    epoch: str | None = None


class Head(Struct, frozen=True, kw_only=True):
    """Where the user's collections stand on this device, and how far its writes are numbered."""

    replica: str
    """Names this stored state, at random; lost with it."""
    adds: int = 0
    """Adds to the watchlist numbered under ``replica``."""
    operations: int = 0
    """Writes numbered, of all collections."""
    clock: Timestamp = NEVER
    revision: int = 0
    """The watchlist's: the last one applied."""
    epoch: str | None = None
    lists: dict[str, ListHead] | UnsetType = UNSET
    """Where the other lists stand, as far as something is known of them, by list id."""
    registers: dict[str, ListHead] | UnsetType = UNSET
    """The same for registers, by collection."""

    def of_list(self, list_id: str | None) -> ListHead:
        """Return where one list stands; ``None``: the watchlist."""
        if list_id is None:
            return ListHead(replica=self.replica, adds=self.adds, revision=self.revision, epoch=self.epoch)
        return self.other_lists.get(list_id, ListHead())

    def of(self, collection: str) -> ListHead:
        """Return where a collection stands."""
        if collection in REGISTERS:
            return self.all_registers.get(collection, ListHead())
        return self.of_list(list_in(collection))

    @property
    def collections(self) -> dict[str, None]:
        """The names of all collections of which something is known, the watchlist first: a set that keeps its order."""
        return dict.fromkeys([WATCHLIST, *map(collection_of_list, self.other_lists), *self.all_registers])

    @property
    def other_lists(self) -> dict[str, ListHead]:
        """``lists``, empty where it is unset."""
        return self.lists or {}

    @property
    def all_registers(self) -> dict[str, ListHead]:
        """``registers``, empty where it is unset."""
        return self.registers or {}


class ConfirmedItem(Struct, frozen=True, omit_defaults=True):
    """A content that the service says is in a list, or the value of a register, whose key is its ``content_id``."""

    content_id: str
    timestamp: Timestamp
    rank: int
    """Orders equal timestamps: an update's revision, or minus its place for an item of a snapshot."""
    device_id: str | None
    data: dict[str, Any] | None = None
    """A register's members."""
    position: str | None = None
    list: str | None = None
    """In which list; ``None``: in the watchlist, unless it is in ``registers``."""
    registers: str | None = None
    """In which collection of registers."""

    @property
    def collection(self) -> str:
        """The name of the collection that it is in."""
        return self.registers or collection_of_list(self.list)

    @property
    def key(self) -> str:
        """Tells apart all items of a user: no list id is empty or has a slash, no content id has a U+001F."""
        if self.registers is not None:
            return f"{self.registers}\x1f{self.content_id}"
        if self.list is not None:
            return f"{self.list}/{self.content_id}"
        return f"/{self.content_id}" if "/" in self.content_id else self.content_id

    @property
    def age_key(self) -> tuple[Timestamp, int]:
        """Sorts older items before newer ones."""
        return self.timestamp, self.rank


class PendingWrite(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A write of the user that is not settled yet, as it is sent."""

    operation_id: str
    operation: Action | RegisterAction
    content_id: str
    """A register's key, if it is a write of one."""
    tag: str | None
    """The tag of an add; ``None``: the service makes one."""
    observed: int
    timestamp: Timestamp
    is_unstamped: bool = field(default=False, name="is_stamped_by_service")  # the name in stores
    """``timestamp`` is only shown, not sent any more: the service stamps the write."""
    refused_tags: int = 0
    """How many tags of this add the service had no room for."""
    data: dict[str, Any] | None = None
    """The item's data after an add, ``None``: as before; or the members that an update names."""
    position: str | None = None
    """The item's position after an add; ``None``: as before."""
    list: str | None = None
    """In which list; ``None``: in the watchlist, unless it is in ``registers``."""
    registers: str | None = None
    """In which collection of registers."""

    @property
    def collection(self) -> str:
        """The name of the collection that it changes."""
        return self.registers or collection_of_list(self.list)

    def as_message(self) -> AnyWrite:
        """Return the message to send: the same one, however often it is sent."""
        if self.registers is not None:
            return self._as_register_write(REGISTER_WRITES[self.registers])
        assert self.operation != "update"
        message = Write(
            id=self.operation_id,
            operation=self.operation,
            content_id=self.content_id,
            operation_id=self.operation_id,
            tag=self.tag,
            observed=self.observed,
            timestamp=None if self.is_unstamped else self.timestamp,
            data=self.data,
            position=self.position,
        )
        return message if self.list is None else ListWrite(**structs.asdict(message), list=self.list)

    def _as_register_write(self, kind: type[ProgressWrite | DeviceWrite]) -> ProgressWrite | DeviceWrite:
        assert self.operation != "add"
        says: dict[str, Any] = {kind.key_field: self.content_id, **(self.data or {})}
        return kind(
            id=self.operation_id,
            operation=self.operation,
            operation_id=self.operation_id if self.is_unstamped else None,
            timestamp=None if self.is_unstamped else self.timestamp,
            **says,
        )


class UserState(Struct, frozen=True):
    """Everything that is kept of one user; ``queue`` is in the order of the writes."""

    head: Head
    items: tuple[ConfirmedItem, ...] = ()
    queue: tuple[PendingWrite, ...] = ()


class Changes(Struct, kw_only=True):
    """What is to be stored, all or nothing: items by ``key``, writes by operation id; ``None``: delete it."""

    head: Head
    replaces_items: bool = False
    """Delete all items first."""
    items: dict[str, ConfirmedItem | None] = field(default_factory=dict)
    queue: dict[str, PendingWrite | None] = field(default_factory=dict)
    are_visible: bool = False
    """Whether a list may look different now."""

    def absorb(self, later: "Changes") -> None:
        """Add ``later`` to these changes: together they do what both do one after the other."""
        self.head = later.head
        if later.replaces_items:
            self.replaces_items, self.items = True, {}
        self.items |= later.items
        self.queue |= later.queue
        self.are_visible = self.are_visible or later.are_visible
