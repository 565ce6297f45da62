"""What an attempt to connect asks for: the path and query behind the service's address."""

from urllib.parse import quote

from syncd_client.watchlist import Watchlist


def target_of(watchlist: Watchlist) -> str:
    """Return what asks for all that ``watchlist`` lacks, a list in pieces."""
    target = f"/ws?snapshot=pieces&since={watchlist.revision}"
    for name, value in (("epoch", watchlist.epoch), ("snapshot_cursor", watchlist.pieces.cursor)):
        if value is not None:
            target += f"&{name}={quote(value, safe='')}"
    return target
