"""What a user changes: the one form of a change from the request to the database and back."""

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from actors.messages.names import Name
from crdt.hlc import HLCTimestamp

WatchlistAction = Literal["add", "remove"]

MAX_REVISION: Final = (1 << 63) - 1
"""What databases hold."""

AuthorStamp = HLCTimestamp | Annotated[int, Meta(ge=-MAX_REVISION, le=MAX_REVISION)]
"""As an author sends it; a bare number is that of an older device, or of a foreign publisher."""


class Change(Struct, frozen=True):
    """One change of a watchlist, as its author asks for it.

    HTTP and WebSocket decode it alike; ``DeviceWrite``, ``Operation`` and ``Update`` hold it.
    """

    action: WatchlistAction = field(name="operation")
    content_id: UUID
    operation_id: Name | None = None
    """Chosen by the author; a second change of the user with this id gets the first one's outcome."""
    tag: Name | None = None
    """The author's own tag of an add; without it the journal mints one."""
    observed: Annotated[int, Meta(ge=0, le=MAX_REVISION)] | None = None
    """The author had seen every revision up to this one; ``None``: all that is in the journal at commit."""
    timestamp: AuthorStamp | None = None
    """The author's stamp. A bare number is accepted and ignored: the service stamps the change."""
