"""How a state that could not be stored stays apart from the stored one: no number is ever given twice."""

from msgspec import structs

from syncd_client.user_state import Head, PendingWrite, UserState


def renumbered(state: UserState, saved: Head, replica: str) -> tuple[UserState, dict[str, str]]:
    """Return ``state`` as one of ``replica``, and by the new operation ids those that they replace.

    The next run would give the numbers that were given since ``saved`` once more: it knows only what was stored.
    Nothing of what they name may have been sent.
    """
    prefix = f"{saved.replica}."
    queue: list[PendingWrite] = []
    old_ids: dict[str, str] = {}
    adds = 0
    for write in state.queue:
        number = write.operation_id.removeprefix(prefix)
        if number == write.operation_id or int(number) <= saved.operations:
            queue.append(write)
            continue
        adds += write.tag is not None
        again = structs.replace(
            write,
            operation_id=f"{replica}.{number}",
            tag=None if write.tag is None else f"{replica}:{adds}",
            timestamp=structs.replace(write.timestamp, node=replica),
        )
        queue.append(again)
        old_ids[again.operation_id] = write.operation_id
    return UserState(structs.replace(state.head, replica=replica, adds=adds), state.items, tuple(queue)), old_ids


def merged(stored: UserState, ours: UserState) -> UserState:
    """Return one state of two that grew apart: the stored one's numbering, the newer one's list, the writes of both.

    Of one replica both may be only if its numbers are the same in both, as far as they go.
    """
    epoch, revision = ours.head.epoch, ours.head.revision
    is_other_journal = epoch is not None and stored.head.epoch not in (None, epoch)
    is_ours_newer = is_other_journal or (epoch is not None and revision >= stored.head.revision)
    newer = ours if is_ours_newer else stored
    numbering = ours.head if stored.head.replica == ours.head.replica else stored.head
    head = structs.replace(
        stored.head,
        adds=max(stored.head.adds, numbering.adds),
        operations=max(stored.head.operations, numbering.operations),
        clock=max(stored.head.clock, ours.head.clock),
        revision=newer.head.revision,
        epoch=newer.head.epoch,
    )
    queue = {write.operation_id: write for write in (*stored.queue, *ours.queue)}
    if is_other_journal:  # revisions of the stored one's journal mean nothing now: see apply_snapshot
        for write in stored.queue:
            queue[write.operation_id] = structs.replace(queue[write.operation_id], observed=revision)
    return UserState(head, newer.items, tuple(queue.values()))
