"""How a state that could not be stored is kept apart from the stored one: no number is ever given twice."""

from collections import Counter

from msgspec import UNSET, structs

from syncd_client.data.collection_names import REGISTERS, WATCHLIST, list_in
from syncd_client.data.user_state import Head, ListHead, PendingWrite, UserState


def renumbered(state: UserState, saved: Head, replica: str) -> tuple[UserState, dict[str, str]]:
    """Return ``state`` with its unstored writes numbered under ``replica``, and the old operation ids by the new ones.

    The next run knows only what was stored: it would give the numbers that were given since ``saved`` a second time.
    Nothing that carries one of those may have been sent yet.
    """
    prefix = f"{saved.replica}."
    queue: list[PendingWrite] = []
    old_ids: dict[str, str] = {}
    adds: Counter[str | None] = Counter()
    for write in state.queue:
        number = write.operation_id.removeprefix(prefix)
        if number == write.operation_id or int(number) <= saved.operations:
            queue.append(write)
            continue
        adds[write.list] += write.tag is not None
        again = structs.replace(
            write,
            operation_id=f"{replica}.{number}",
            tag=None if write.tag is None else f"{replica}:{adds[write.list]}",
            timestamp=structs.replace(write.timestamp, node=replica),
        )
        queue.append(again)
        old_ids[again.operation_id] = write.operation_id
    lists = {
        list_id: structs.replace(head, replica=replica, adds=adds[list_id])
        for list_id, head in state.head.other_lists.items()
    }
    head = structs.replace(state.head, replica=replica, adds=adds[None], lists=lists or UNSET)
    return UserState(head, state.items, tuple(queue)), old_ids


def merged(stored: UserState, ours: UserState) -> UserState:
    """Return one state of two: the numbering of the stored one, the newer state of each collection, and all writes.

    Both may have the same replica only if the same numbers mean the same writes in both, as far as they go.
    """
    heads: dict[str, ListHead] = {}
    observed: dict[str, int] = {}
    """By collection where the stored revisions mean nothing now: see UserCollections.apply_snapshot."""
    newer: dict[str, UserState] = {}
    for collection in stored.head.collections | ours.head.collections:
        theirs, mine = stored.head.of(collection), ours.head.of(collection)
        is_other_journal = mine.epoch is not None and theirs.epoch not in (None, mine.epoch)
        is_ours_newer = is_other_journal or (mine.epoch is not None and mine.revision >= theirs.revision)
        if is_other_journal:
            observed[collection] = mine.revision
        newer[collection] = ours if is_ours_newer else stored
        place = mine if is_ours_newer else theirs
        if collection not in REGISTERS:
            adds = max(head.adds if head.replica == stored.head.replica else 0 for head in (theirs, mine))
            place = structs.replace(place, replica=stored.head.replica, adds=adds)
        heads[collection] = place
    watchlist = heads.pop(WATCHLIST)
    is_same_replica = stored.head.replica == ours.head.replica
    head = structs.replace(
        stored.head,
        adds=watchlist.adds,
        operations=max(stored.head.operations, ours.head.operations if is_same_replica else 0),
        clock=max(stored.head.clock, ours.head.clock),
        revision=watchlist.revision,
        epoch=watchlist.epoch,
        lists={list_id: each for name, each in heads.items() if (list_id := list_in(name)) is not None} or UNSET,
        registers={name: each for name, each in heads.items() if name in REGISTERS} or UNSET,
    )
    queue = {write.operation_id: write for write in (*stored.queue, *ours.queue)}
    for write in stored.queue:
        if write.registers is None and write.collection in observed:
            queue[write.operation_id] = structs.replace(queue[write.operation_id], observed=observed[write.collection])
    items = [item for state in (stored, ours) for item in state.items if newer.get(item.collection) is state]
    return UserState(head, tuple(items), tuple(queue.values()))
