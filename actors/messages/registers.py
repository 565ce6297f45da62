"""Registers: the collections in which each key has one value, and the latest word on it holds.

A value consists of *members*; of each the greatest stamp wins. An author says some of them, and the others stay. To
remove a key is to say of each member that it is not there: so the removal is a word like any other, and an older one
that arrives later does not bring anything back. Source: ``crdt/lww.py``.

Here is what the journal is told and what it answers. Which collections are registers, and what is particular to each,
is in ``actors.messages.register_kinds``.
"""

from typing import Any

from msgspec import Struct

from actors.messages.change import AuthorStamp
from actors.messages.failures import ReadFailed
from actors.runtime.tell import Tell
from crdt.hlc import HLCTimestamp

Values = dict[str, Any]
"""Member -> its value, of those that are there. JSON."""


class RegisterChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an author asks of one key: ``Change`` is the same for sets."""

    key: str
    says: Values | None
    """Member -> what it is from now on (``None``: it is not there); ``None``: the key is removed."""
    operation_id: str | None = None
    """As of a ``Change``."""
    timestamp: AuthorStamp | None = None
    """As of a ``Change``."""


class RegisterOperation(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A change of a key, stamped by ``WatchlistSync``; not yet in the journal."""

    line: str
    device_id: str
    change: RegisterChange
    timestamp: HLCTimestamp
    """The author's own stamp, or the service's."""
    is_stamped_here: bool = False
    """As of an ``Operation``."""


class RegisterUpdate(Struct, frozen=True, kw_only=True):
    """A key as a committed operation has left it: what the history holds and every device of the user is shown."""

    line: str
    revision: int
    key: str
    values: Values
    """Empty: the key was removed."""
    timestamp: HLCTimestamp
    """The greatest that was said of the key."""
    device_id: str
    """Whose word that was."""


class RegisterFound(Struct, frozen=True, tag=True):
    """One key as it is now."""

    update: RegisterUpdate | None
    """``None``: it has no value, and perhaps never had."""


class ReadRegister(Struct, frozen=True, eq=False):
    """Ask for one key of a user's ``collection``."""

    user_id: str
    collection: str
    key: str
    reply_to: Tell[RegisterFound | ReadFailed]
