"""What a user changes: the one form of a change from the request to the database and back."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Raw, Struct, field, json, msgpack

from actors.messages.content_ids import ContentId
from actors.messages.names import Name
from crdt.hlc import HLCTimestamp

WatchlistAction = Literal["add", "remove"]
RegisterAction = Literal["update", "remove"]
PlayState = Literal["playing", "paused", "stopped"]

MAX_REVISION: Final = (1 << 63) - 1
"""The greatest integer that databases hold."""

AuthorStamp = HLCTimestamp | int | float
"""As an author sends it; older devices and foreign publishers may send a bare number, of any size."""

MAX_DATA_BYTES: Final = 1024
"""The largest that an item's ``data`` may be, as compact JSON."""
MAX_POSITION_LENGTH: Final = 64

ShownData = Annotated[Any, Meta(extra_json_schema={"anyOf": [{"type": "object"}, {"type": "null"}]})]
"""An item's ``data``, or a device's capabilities, as clients are shown them: a dict, or its JSON as ``msgspec.Raw``."""


def shown_data(held: bytes | None) -> Raw | None:
    """Return what is stored as JSON, as clients are shown it: it is not unpacked on its way."""
    return None if held is None else Raw(held)


Position = Annotated[str, Meta(min_length=1, max_length=MAX_POSITION_LENGTH, pattern=r"^[!-~]+(?![\s\S])")]
"""Where an item stands among those of its list: items are ordered by it as text. Visible ASCII, which every language
compares alike."""


MAX_SECONDS: Final = 10_000_000
"""The greatest position or duration: 115 days."""

Seconds = Annotated[int, Meta(ge=0, le=MAX_SECONDS)] | Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
"""As apps send them, whole or not, and kept so."""


class Change(Struct, frozen=True, omit_defaults=True):
    """One change of a list, as its author asks for it.

    HTTP and WebSocket decode it alike; ``DeviceWrite``, ``Operation`` and ``Update`` hold it.
    """

    action: WatchlistAction = field(name="operation")
    content_id: ContentId
    operation_id: Name | None = None
    """Chosen by the author; a second change of the user with this id gets the first one's outcome."""
    tag: Name | None = None
    """The author's own tag of an add; without it the journal mints one."""
    observed: Annotated[int, Meta(ge=0, le=MAX_REVISION)] | None = None
    """The author had seen every revision up to this one; ``None``: all that is in the journal at commit."""
    timestamp: AuthorStamp | None = None
    """The author's stamp. A bare number is accepted and ignored: the service stamps the change."""
    data: dict[str, Any] | None = None
    """What an add says of its item; ``None``: nothing, what is known of it stays."""
    position: Position | None = None
    """Where an add puts its item; ``None``: where it is."""


def data_problem(change: Change) -> str | None:
    """Return why the ``data`` of ``change`` cannot be kept; ``None``: it can."""
    if change.data is None:
        return None
    try:
        msgpack.encode(change.data)  # it crosses to the store as this, which has numbers of 64 bits
        size_bytes = len(json.encode(change.data))
    except (OverflowError, RecursionError):
        return "data: its numbers must fit in 64 bits, and it must not be nested deeply"
    if size_bytes > MAX_DATA_BYTES:
        return f"data: has {size_bytes} bytes as compact JSON, at most {MAX_DATA_BYTES} are kept"
    return None
