"""What the journal answers when its store cannot do now what was asked."""

from typing import Final

from msgspec import Struct

JOURNAL_UNAVAILABLE: Final = "the journal is unavailable"
"""The reason where nothing but time helps."""


class ReadFailed(Struct, frozen=True):
    """The store could not answer now; ``reason`` for the operator's log and the 503."""

    reason: str


class ReadRefused(ReadFailed, frozen=True):
    """Too many reads of this user wait already; ``reason`` names the bound."""


class WriteFailed(Struct, frozen=True):
    """The store could not do it now; ``reason`` for the 503."""

    reason: str


class WriteRefused(WriteFailed, frozen=True):
    """Too many writes of this user wait already; ``reason`` names the bound."""
