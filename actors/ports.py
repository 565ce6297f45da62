"""The small doors between the actors and the outside world; ``transport`` and ``storage`` implement them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from actors.messages.journal import Bookmark, Changes, ChangesExpired, Head, Operation, Outcome, Page, PageExpired
from actors.runtime.ask import Request

R = TypeVar("R")

OnMessage = Callable[[str, bytes], None]
"""``on_message(user_id, payload)``: one bus message. Called on the event loop, returns at once, never raises."""

OnGap = Callable[[str], None]
"""``on_gap(reason)``: messages may have been lost (reconnected, overflowed, silent). Called on the event loop."""


class Bus(Protocol):
    """Makes other nodes look sooner: at-most-once, unordered, possibly doubled; never the truth.

    Thread: every method is called on the event loop.
    """

    async def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        """Begin to receive, own messages included, and return; outages are retried inside, for ever."""

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the bus and return when it took it.

        Raises:
            BusUnavailable: not now.
            MessageRefused: not ever.
        """

    def status(self) -> str | None:
        """Say why the bus does not work at the moment; ``None``: it works, as far as can be seen."""
        ...

    async def close(self) -> None:
        """Stop receiving and release everything; idempotent."""


class JournalStore(Protocol):
    """The journal's tables. Thread: every method blocks; one call at a time."""

    def commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply ``operations`` in order in one transaction; one outcome each, same order.

        A refused operation leaves the others alone. One that comes again under its ``operation_id`` changes nothing and
        gets the first outcome, whatever it was.

        Raises:
            StoreUnavailable: nothing was written.
            ValueRefused: an operation holds what the database cannot; nothing was written.
        """
        ...

    def heads(self, user_ids: Sequence[str]) -> list[Head]:
        """Return where each user stands, same order. Raises: StoreUnavailable."""
        ...

    def page(self, user_id: str, limit: int, after: Bookmark | None) -> Page | PageExpired:
        """Return up to ``limit`` items, those that follow ``after``. Raises: StoreUnavailable."""
        ...

    def changes(self, user_id: str, revision: int, limit: int, epoch: str | None) -> Changes | ChangesExpired:
        """Return up to ``limit`` updates after ``revision``, or why not. Raises: StoreUnavailable."""
        ...

    def check(self) -> None:
        """Do the cheapest thing that shows the database works. Raises: StoreUnavailable."""

    def close(self) -> None:
        """Release everything; idempotent."""


class RevocationStore(Protocol):
    """Which tokens are refused before their time. Thread: every method blocks; one call at a time."""

    def revoke(self, token_id: str, expires_at: int | None) -> None:
        """Refuse ``token_id`` from now on, until ``expires_at`` (seconds since 1970; ``None``: for ever).

        Of two revocations of one token the later end holds. Raises: StoreUnavailable.
        """

    def revoked(self, after: int) -> tuple[int, list[tuple[str, int | None]]]:
        """Return the newest version, and the revocations that came after version ``after`` (0: all that are kept).

        Versions follow the order of commits: whoever asks again with the version returned misses none.
        Raises: StoreUnavailable.
        """
        ...

    def close(self) -> None:
        """Release everything; idempotent."""


class StoreClient(Protocol):
    """The way to the store, which blocks and therefore lives elsewhere: ``actors.messages.store`` are the requests.

    The future of an answer raises ``StoreUnavailable``, ``StoreDefect``, or what its request names. A request has no
    effect before the event loop has run on. Writes are done in the order asked, and so are reads; a read sees every
    write whose answer was there when it was asked for.

    Thread: the event loop, for every method; none blocks.
    """

    async def start(self) -> None:
        """Return when it can be written and read; its tables are migrated first.

        Raises:
            StoreUnavailable: the database does not answer; or whatever else an implementation names.
        """

    def write(self, request: Request[R]) -> asyncio.Future[R]:
        """Ask for what changes something."""
        ...

    def read(self, request: Request[R]) -> asyncio.Future[R]:
        """Ask for what changes nothing."""
        ...

    async def close(self) -> None:
        """Release everything; whatever is asked later is ``StoreUnavailable``. Idempotent."""


class DeviceSocket(Protocol):
    """One device's WebSocket as its ``SyncWebSocket`` sees it. Thread: the event loop."""

    __slots__ = ()

    def write(self, frames: bytes) -> None:
        """Queue ready-made frames behind what was written before; never blocks."""

    def is_congested(self) -> bool:
        """Whether the device reads slower than it is written to: hold everything until ``SocketWritable``."""
        ...

    def ping(self) -> None:
        """Send a ping frame; its pong arrives as ``SignOfLife``."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake after what was written; idempotent."""

    def pause_reading(self) -> None:
        """Leave what the device sends in the network, which slows it down; idempotent."""

    def resume_reading(self) -> None:
        """Read again; idempotent."""
