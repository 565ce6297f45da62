"""What an attempt to connect asks for: the path and query behind the service's address."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from syncd_client.core.outputs import Transport
from syncd_client.data.followed_collection import AnyCollection

POLL_S: Final = 25
"""How long the service may hold back the answer to a poll: less than intermediaries wait for one."""


def target_of(transport: Transport, followed: Sequence[AnyCollection], *, is_live: bool) -> str:
    """Return what asks for all that the collections lack, in pieces; ``is_live``: they lack nothing that we know of."""
    # The service continues a list of which we have pieces only if that is the first one named.
    first, *others = sorted(followed, key=lambda collection: collection.pieces.cursor is None)
    path = "/ws" if transport is Transport.WEBSOCKET else "/api/v1/sync/stream"
    target = f"{path}?snapshot=pieces"
    if others:
        target += "".join(f"&since={_since(collection)}" for collection in (first, *others))
    else:
        target += f"&since={first.revision}" + _parameter("epoch", first.epoch)
    target += _parameter("snapshot_cursor", first.pieces.cursor)
    if transport is Transport.POLLING:
        target += f"&poll={POLL_S if is_live else 0}"
    return target


def _since(collection: AnyCollection) -> str:
    epoch = "" if collection.epoch is None else f":{quote(collection.epoch, safe='')}"
    return f"{collection.name}:{collection.revision}{epoch}"


def _parameter(name: str, value: str | None) -> str:
    return "" if value is None else f"&{name}={quote(value, safe='')}"
