"""The update of a list is that of the watchlist, and says which list."""

from uuid import UUID

from msgspec import structs

from actors.messages.sync import ListUpdate, WatchlistUpdate
from crdt.hlc import HLCTimestamp


def test_the_update_of_a_list_says_all_that_the_watchlists_would() -> None:
    update = WatchlistUpdate(str(UUID(int=1)), "add", 7, "syncd:7", HLCTimestamp(1, 0, "n"), "tv", None, {"n": 1}, "a0")
    assert structs.asdict(ListUpdate.of("kids", update)) == structs.asdict(update) | {"list": "kids"}
