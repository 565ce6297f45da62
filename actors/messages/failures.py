"""What the journal answers when its store cannot do now what was asked."""

from msgspec import Struct


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
