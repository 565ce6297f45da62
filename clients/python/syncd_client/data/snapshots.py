"""A whole collection in a message, or in several."""

from typing import Any

from msgspec import Struct


class Snapshot(Struct, frozen=True):
    """All that is in a collection at one revision, in its order."""

    revision: int
    epoch: str
    items: tuple[Any, ...]


class SnapshotPiece(Struct, frozen=True):
    """A part of that: the first one has ``start``, the last one no ``next``."""

    revision: int
    epoch: str
    items: tuple[Any, ...]
    start: bool = False
    next: str | None = None
    """The cursor by which the service is asked for the next part."""
