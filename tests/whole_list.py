"""Reading a user's whole list, as a device does that cannot be brought up to date by changes."""

from msgspec import structs

from actors.messages.journal_reads import SLICE_ROWS, Item, Page
from actors.ports import JournalStore


def whole_list(store: JournalStore, user_id: str = "ann") -> Page:
    """Return all pages as one; nobody writes meanwhile."""
    items: list[Item] = []
    after = None
    while True:
        page = store.page(user_id, SLICE_ROWS, after)
        assert isinstance(page, Page)
        items += page.items
        after = page.after
        if after is None:
            return structs.replace(page, items=tuple(items))
