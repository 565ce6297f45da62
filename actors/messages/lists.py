"""What the journal is told and answers about a user's lists beside the watchlist."""

from typing import Literal

from msgspec import Struct

from actors.messages.failures import ReadFailed, WriteFailed
from actors.runtime.tell import Tell

ListEdit = Literal["add", "put", "delete"]
"""What changes which lists there are, and what they are called; an add does if there is no such list yet."""
ListEditOutcome = Literal["created", "renamed", "deleted", "not_found", "quota_exceeded", "failed"]


class ListSummary(Struct, frozen=True, kw_only=True):
    """One of a user's lists."""

    list: str
    name: str
    """As people are shown it."""
    revision: int


class Lists(Struct, frozen=True, kw_only=True, tag=True):
    """A user's lists beside the watchlist, and the revisions of what else there is."""

    epoch: str
    watchlist: int
    progress: int
    """0: there is none."""
    lists: tuple[ListSummary, ...]


class PutList(Struct, frozen=True, eq=False):
    """Name a list, and create it if there is none."""

    user_id: str
    list: str
    name: str
    reply_to: Tell["ListPut | WriteFailed"]


class ListPut(Struct, frozen=True, kw_only=True, tag=True):
    """The list has its name; or ``problem`` says which bound forbids creating it."""

    is_new: bool = False
    revision: int = 0
    epoch: str = ""
    problem: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether something has changed."""
        return self.problem is None


class DeleteList(Struct, frozen=True, eq=False):
    """Delete a list, and all that is in it."""

    user_id: str
    list: str
    reply_to: Tell["ListDeleted | WriteFailed"]


class ListDeleted(Struct, frozen=True, tag=True):
    """The list is gone, or a part of it."""

    revision: int | None
    """The revision at which the list ended; ``None``: there was none."""
    has_more: bool = False
    """It is still there at that revision, but shorter: delete it again. Only the journal is told."""

    @property
    def is_done(self) -> bool:
        """Whether something has changed."""
        return self.revision is not None


class ReadLists(Struct, frozen=True, eq=False):
    """Ask which lists there are."""

    user_id: str
    reply_to: Tell[Lists | ReadFailed]
