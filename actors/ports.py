"""The small doors between the actors and the outside world; ``transport`` and ``storage`` implement them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from actors.messages.journal import AnyOperation, Outcome
from actors.messages.journal_reads import Bookmark, Changes, ChangesExpired, Head, Page, PageExpired, RegisterPage
from actors.runtime.ask import Request

R = TypeVar("R")


class BusListener(Struct, frozen=True, eq=False, kw_only=True):
    """What a node wants of a bus, and what the bus calls, on the event loop; each returns at once and never raises."""

    node: str
    """The ``origin`` of this node's own messages, which need not be delivered to it."""
    on_message: Callable[[str, bytes], None]
    """``on_message(user_id, payload)``: a message of a user to whom the node subscribes."""
    on_gap: Callable[[str], None]
    """``on_gap(reason)``: messages may have been lost (reconnected, overflowed, silent)."""
    on_subscribed: Callable[[tuple[str, ...]], None]
    """``on_subscribed(user_ids)``: their messages arrive from now on; what was published before may be missing."""
    on_foreign: Callable[[str, bytes], None] | None = None
    """``on_foreign(user_id, payload)``: what may be a foreign publisher's write, whoever its user is. One node is told,
    or several are; ``None``: this one does not want to be."""
    on_control: Callable[[bytes], None] | None = None
    """``on_control(payload)``: what a node, perhaps this one, says to all; ``None``: it is not wanted."""


NOBODY = BusListener(
    node="",
    on_message=lambda user_id, payload: None,
    on_gap=lambda reason: None,
    on_subscribed=lambda user_ids: None,
)
"""Whom a bus tells before its start."""


class BusFigures(Struct, frozen=True, kw_only=True):
    """What an engine alone knows, since the start."""

    subscribed: int = 0
    """Users to whom the node subscribes now."""
    last_message_age_s: float = 0.0
    """Seconds since anything arrived (since the start, before the first)."""
    reconnects: int = 0
    """Interruptions that ended."""
    rebuilds: int = 0
    """Times that a client seemed to work, was silent, and was replaced."""
    dropped: int = 0
    """Times that messages were lost, or may have been, because more came than could be taken."""
    malformed: int = 0
    """Things that arrived and were not messages, and messages that made the listener raise."""
    doubles: int = 0
    """Messages dropped because they had arrived before."""
    echoes: int = 0
    """Messages of this node, dropped."""
    elsewhere: int = 0
    """Messages of users to whom the node does not subscribe, dropped."""


class Bus(Protocol):
    """Makes other nodes look sooner: at-most-once, unordered, possibly doubled; never the truth.

    Thread: every method is called on the event loop.
    """

    async def start(self, listener: BusListener) -> None:
        """Begin to receive, and return; outages are retried inside, for ever, and each ends with ``on_gap``."""

    def subscribe(self, user_id: str) -> None:
        """Deliver the messages of this user's channels: at once, or from ``on_subscribed`` or the next ``on_gap`` on.

        Never blocks.
        """

    def unsubscribe(self, user_id: str) -> None:
        """Stop delivering this user's messages, soon. Never blocks."""

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the bus and return when it took it.

        Raises:
            BusUnavailable: not now.
            MessageRefused: not ever.
        """

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the bus for the user's channel of devices; nobody stores it.

        Raises: as ``publish``.
        """

    async def publish_control(self, payload: bytes) -> None:
        """Hand ``payload`` to the bus for every node that wants the control channel; nobody stores it.

        Raises: as ``publish``.
        """

    def status(self) -> str | None:
        """Say why the bus does not work at the moment; ``None``: it works, as far as can be seen."""
        ...

    def figures(self) -> BusFigures:
        """Return what was counted so far."""
        ...

    async def close(self) -> None:
        """Stop receiving and release everything; idempotent."""


class JournalStore(Protocol):
    """The journal's tables. Thread: every method blocks; one call at a time."""

    def commit(self, operations: Sequence[AnyOperation]) -> list[Outcome]:
        """Apply ``operations`` in order in one transaction; one outcome each, same order.

        A refused operation leaves the others alone. One that comes again under its ``operation_id`` changes nothing and
        gets the first outcome, whatever it was.

        Raises:
            StoreUnavailable: nothing was written.
            ValueRefused: an operation holds what the database cannot; nothing was written.
        """
        ...

    def heads(self, lines: Sequence[str]) -> list[Head]:
        """Return where each line stands, same order. Raises: StoreUnavailable."""
        ...

    def page(
        self, line: str, limit: int, after: Bookmark | None, state: str | None = None
    ) -> Page | RegisterPage | PageExpired:
        """Return what ``ReadPage`` asks for, or why not. Raises: StoreUnavailable."""
        ...

    def changes(
        self, line: str, revision: int, limit: int, epoch: str | None, *, prefers_list: bool = False
    ) -> Changes | ChangesExpired:
        """Return what ``ReadChanges`` asks for, or why not. Raises: StoreUnavailable."""
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


class Fragments(Protocol):
    """Makes WebSocket frames of a message, or of a part of one."""

    def __call__(self, payload: bytes, *, opens: bool, closes: bool) -> tuple[bytes, ...]:
        """Return ``payload`` as frames of a bounded size.

        Args:
            payload: UTF-8, which may be cut anywhere.
            opens: the message begins here.
            closes: it ends here.
        """
        ...


class DeviceSocket(Protocol):
    """One device's WebSocket, or stream, as its ``SyncWebSocket`` sees it. Thread: the event loop."""

    __slots__ = ()

    def write(self, frames: bytes) -> None:
        """Queue ready-made frames behind what was written before; never blocks."""

    def is_congested(self) -> bool:
        """Whether the device reads slower than it is written to: hold everything until ``SocketWritable``."""
        ...

    def unsent_bytes(self) -> int:
        """Return how much of what was written the network has not taken yet."""
        ...

    def unconfirmed_bytes(self) -> int:
        """Return how much of what was written the other end has not confirmed yet, where that is known."""
        ...

    def ping(self) -> None:
        """Send a sign of life; that it was received arrives as ``SignOfLife``."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake after what was written; idempotent."""

    def pause_reading(self) -> None:
        """Leave what the device sends in the network, which slows it down; idempotent."""

    def resume_reading(self) -> None:
        """Read again; idempotent."""
