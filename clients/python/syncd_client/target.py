"""What an attempt to connect asks for: the path and query behind the service's address."""

from typing import Final
from urllib.parse import quote

from syncd_client.outputs import Transport
from syncd_client.watchlist import Watchlist

POLL_S: Final = 25
"""How long the service may hold back the answer to a poll; below what intermediaries wait for one."""


def target_of(transport: Transport, watchlist: Watchlist, *, is_live: bool) -> str:
    """Return what asks for all that ``watchlist`` lacks, a list in pieces; ``is_live``: nothing that is known."""
    path = "/ws" if transport is Transport.WEBSOCKET else "/api/v1/sync/stream"
    target = f"{path}?snapshot=pieces&since={watchlist.revision}"
    for name, value in (("epoch", watchlist.epoch), ("snapshot_cursor", watchlist.pieces.cursor)):
        if value is not None:
            target += f"&{name}={quote(value, safe='')}"
    if transport is Transport.POLLING:
        target += f"&poll={POLL_S if is_live else 0}"
    return target
