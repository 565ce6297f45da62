"""The live tags of contents, and what items carry: a tag is one add that is in the list."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, structs

from actors.messages.change import Change
from actors.messages.journal import Operation
from crdt import orset
from crdt.causal import Tag
from crdt.hlc import HLCTimestamp
from crdt.lww import LWWMap

Fields = LWWMap[Any]
"""What an item carries, while it is in the list: its ``data`` and its ``position``."""

NO_FIELDS: Final = Fields()


class LiveTag(Struct, frozen=True):
    """One add that is in the list: a row of ``entries``."""

    content_id: str
    tag: Tag
    added_revision: int
    timestamp: HLCTimestamp
    device_id: str
    fields: Fields = NO_FIELDS
    """What its item carries: all tags of a content have the same."""

    @property
    def age_key(self) -> tuple[int, int]:
        """Sorts older tags before newer ones, as lists are read: of two stamps of one moment by their revisions."""
        return self.timestamp.pack(), self.added_revision


def missing(there: Mapping[str, Mapping[Tag, LiveTag]], here: Mapping[str, Mapping[Tag, LiveTag]]) -> list[LiveTag]:
    """Return the live tags of each content that are ``there`` and not ``here``, or not the same here."""
    return [
        born
        for content_id, live in there.items()
        for tag, born in live.items()
        if here.get(content_id, {}).get(tag) is not born
    ]


def has_fields(change: Change) -> bool:
    """Return whether ``change`` says anything of its item."""
    return change.data is not None or change.position is not None


def fields_after(live: Mapping[Tag, LiveTag], add: Operation) -> Fields:
    """Return what an item carries after ``add``, whose ``live`` tags were these."""
    change, fields = add.change, NO_FIELDS
    for born in live.values():  # a node of an older release may have left out those of one
        if born.fields is not NO_FIELDS:
            fields = fields.merge(born.fields)
    if change.data is not None:
        fields = fields.set("data", change.data, add.timestamp)
    if change.position is not None:
        fields = fields.set("position", change.position, add.timestamp)
    return fields


def carrying(fields: Fields, live: dict[Tag, LiveTag]) -> dict[Tag, LiveTag]:
    """Return the ``live`` tags of an item as those of one that carries ``fields``."""
    return {tag: born if born.fields == fields else structs.replace(born, fields=fields) for tag, born in live.items()}


def oldest(live: Mapping[Tag, LiveTag], observed: orset.Entry, kept: int) -> orset.Entry:
    """Return the oldest of the ``live`` tags that were not ``observed``: all but ``kept``.

    The oldest are those that were added first, whatever their timestamps: who saw any of the others has seen them.
    """
    concurrent = [born for tag, born in live.items() if tag not in observed]
    if len(concurrent) <= kept:
        return orset.ABSENT
    concurrent.sort(key=lambda born: born.added_revision, reverse=True)
    return frozenset(born.tag for born in concurrent[kept:])
