"""What the store's processes are asked, and what they answer: all of it crosses from one process to another.

``actors.ports.StoreClient`` carries them; each request names the type of its answer.
"""

from msgspec import Struct

from actors.messages.devices import Devices, EndPresence, FindDevices, NotePresence, PresenceEnded, PresenceNoted
from actors.messages.journal import AnyOperation, Outcome
from actors.messages.journal_reads import (
    Bookmark,
    Changes,
    ChangesExpired,
    Head,
    Page,
    PageExpired,
    RegisterPage,
    SnapshotPage,
)
from actors.messages.lists import ListDeleted, ListPut, Lists
from actors.messages.registers import RegisterFound
from actors.runtime.ask import Request


class BatchCommitted(Struct, frozen=True, tag=True):
    """One transaction's outcomes, in the order asked."""

    outcomes: tuple[Outcome, ...]
    seconds: float
    """How long the transaction took, without the way there and back."""
    epoch: str | None = None
    """The epoch of the database that it was committed to."""


class CommitBatch(Request[BatchCommitted], frozen=True, tag=True):
    """Apply ``operations`` in order in one transaction."""

    operations: tuple[AnyOperation, ...]


class HeadsFound(Struct, frozen=True, tag=True):
    """Where lines stand, in the order asked."""

    heads: tuple[Head, ...]


class FindHeads(Request[HeadsFound], frozen=True, tag=True):
    """Ask where these lines stand."""

    lines: tuple[str, ...]


class FindChanges(Request[Changes | ChangesExpired], frozen=True, tag=True):
    """As ``ReadChanges``."""

    line: str
    revision: int
    limit: int
    epoch: str | None
    prefers_list: bool = False


class FindPage(Request[Page | RegisterPage | PageExpired], frozen=True, tag=True):
    """As ``ReadPage``."""

    line: str
    limit: int
    after: Bookmark | None
    state: str | None = None


class FindSnapshotPage(Request[SnapshotPage | PageExpired], frozen=True, tag=True):
    """As ``ReadSnapshotPage``."""

    line: str
    limit: int
    after: Bookmark | None


class FindLists(Request[Lists], frozen=True, tag=True):
    """As ``ReadLists``."""

    user_id: str


class FindRegister(Request[RegisterFound], frozen=True, tag=True):
    """As ``ReadRegister``."""

    line: str
    key: str


class NameList(Request[ListPut], frozen=True, tag=True):
    """As ``PutList``."""

    user_id: str
    list: str
    name: str


class DropList(Request[ListDeleted], frozen=True, tag=True):
    """As ``DeleteList``; of a long list only so much at a time that nobody's commits wait long behind it."""

    user_id: str
    list: str


class Done(Struct, frozen=True, tag=True):
    """It is done, and there is nothing to say about it."""


class Prepare(Request[Done], frozen=True, tag=True):
    """Create or migrate the tables, if need be. Raises: SchemaTooNew, ContentIdsDiffer."""


class Check(Request[Done], frozen=True, tag=True):
    """Do the cheapest thing that shows that the database can be read."""


class CheckWriting(Request[Done], frozen=True, tag=True):
    """Commit something that means nothing: it shows that the database can be written."""


class RevokeToken(Request[Done], frozen=True, tag=True):
    """Refuse a token on every node until ``expires_at``, in seconds since 1970; ``None``: for ever."""

    token_id: str
    expires_at: int | None


class RevocationsFound(Struct, frozen=True, tag=True):
    """The revocations after the version asked for, and the newest version."""

    version: int
    tokens: tuple[tuple[str, int | None], ...]


class FindRevocations(Request[RevocationsFound], frozen=True, tag=True):
    """Ask for the revocations that came after version ``after``; 0: for all that are kept."""

    after: int


StoreRequest = (
    CommitBatch | FindHeads | FindChanges | FindPage | FindSnapshotPage | Prepare | Check | CheckWriting
    | RevokeToken | FindRevocations | FindLists | FindRegister | NameList | DropList | NotePresence | EndPresence
    | FindDevices
)  # fmt: skip
StoreAnswer = (
    BatchCommitted | HeadsFound | Changes | ChangesExpired | Page | RegisterPage | SnapshotPage | PageExpired | Done
    | RevocationsFound | Lists | ListPut | ListDeleted | PresenceNoted | PresenceEnded | Devices | RegisterFound
)  # fmt: skip
