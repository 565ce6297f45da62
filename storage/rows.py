"""Conversions between rows of the tables and the values they hold."""

from typing import Any
from uuid import UUID

from msgspec import json
from sqlalchemy import Row

from actors.messages.change import Change, WatchlistAction
from actors.messages.journal import Outcome, Status, Update
from crdt.causal import CausalContext, Tag
from crdt.hlc import HLCTimestamp
from storage.user_journal import Answer, JournalHead, LiveTag

Params = dict[str, Any]

KINDS: dict[WatchlistAction, str] = {"add": "watchlist.add", "remove": "watchlist.remove"}
"""Values of ``operations.kind``: the collection and the action."""

DONE: dict[WatchlistAction, Status] = {"add": Status.ADDED, "remove": Status.REMOVED}
"""What a row of ``operations`` without a status was answered."""

_ACTIONS = {kind: action for action, kind in KINDS.items()}
_decode_tags = json.Decoder(tuple[str, ...]).decode


def tags_text(tags: tuple[str, ...]) -> str:
    """Return tags as ``operations.tags`` stores them; equal tags give equal text."""
    return json.encode(tags).decode()


def update_params(update: Update, status: Status, now_ms: int) -> Params:
    """Return the row of ``operations`` for ``update``, answered with ``status`` and recorded at ``now_ms``."""
    return {
        "user_id": update.user_id,
        "revision": update.revision,
        "kind": KINDS[update.change.action],
        "content_id": update.content_id,
        "tags": tags_text(update.tags),
        "timestamp": update.timestamp.pack(),
        "node": update.timestamp.node,
        "device_id": update.device_id,
        "operation_id": update.change.operation_id,
        "recorded_ms": now_ms,
        "status": status.value,
    }


def update_of(row: Row[Any]) -> Update:
    """Return the update in a row of ``operations`` or ``answers``."""
    return Update(
        user_id=row.user_id,
        revision=row.revision,
        change=Change(_ACTIONS[row.kind], UUID(row.content_id), row.operation_id),
        tags=_decode_tags(row.tags),
        timestamp=HLCTimestamp.unpack(row.timestamp, row.node),
        device_id=row.device_id,
    )


def recorded_answer_of(row: Row[Any]) -> Answer:
    """Return what the operation in a row of ``operations`` was answered."""
    update = update_of(row)
    status = Status(row.status) if row.status else DONE[update.change.action]
    return _answer_of(row, Outcome(status=status, update=update))


def answer_params(user_id: str, operation_id: str, answer: Answer, now_ms: int) -> Params:
    """Return the row of ``answers`` for an answer to the user's ``operation_id``, given at ``now_ms``."""
    outcome, update = answer.outcome, answer.outcome.update
    return {
        "user_id": user_id,
        "operation_id": operation_id,
        "kind": KINDS[answer.action],
        "content_id": answer.content_id,
        "status": outcome.status.value,
        "reason": outcome.reason,
        "field": outcome.field,
        "revision": update and update.revision,
        "tags": update and tags_text(update.tags),
        "timestamp": update and update.timestamp.pack(),
        "node": update and update.timestamp.node,
        "device_id": update and update.device_id,
        "recorded_ms": now_ms,
    }


def answer_of(row: Row[Any]) -> Answer:
    """Return the answer in a row of ``answers``; its update shows this row's ``operation_id``.

    That is another than it was recorded with if it is the add of a ``tag`` that came again.
    """
    update = None if row.revision is None else update_of(row)
    return _answer_of(row, Outcome(status=Status(row.status), update=update, reason=row.reason, field=row.field))


def _answer_of(row: Row[Any], outcome: Outcome) -> Answer:
    return Answer(action=_ACTIONS[row.kind], content_id=row.content_id, outcome=outcome)


def live_params(user_id: str, live: LiveTag) -> Params:
    """Return the row of ``entries`` for a live tag of the user."""
    return {
        "user_id": user_id,
        "content_id": live.content_id,
        "tag": str(live.tag),
        "added_revision": live.added_revision,
        "timestamp": live.timestamp.pack(),
        "node": live.timestamp.node,
        "device_id": live.device_id,
    }


def live_of(row: Row[Any]) -> LiveTag:
    """Return the live tag in a row of ``entries``."""
    return LiveTag(
        row.content_id,
        Tag.parse(row.tag),
        row.added_revision,
        HLCTimestamp.unpack(row.timestamp, row.node),
        row.device_id,
    )


def head_of(row: Row[Any]) -> JournalHead:
    """Return the head in a row of ``heads``."""
    return JournalHead(row.revision, row.first_revision, row.minted, HLCTimestamp.unpack(row.clock, row.clock_node))


def context_text(context: CausalContext) -> str:
    """Return a context as ``contexts.context`` stores it."""
    return json.encode(context.to_wire()).decode()


def context_of(row: Row[Any]) -> CausalContext:
    """Return the context in a row of ``contexts``."""
    return CausalContext.from_wire(json.decode(row.context))
