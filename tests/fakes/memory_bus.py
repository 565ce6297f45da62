"""A bus between nodes of one process: for tests and for trying things out."""

import asyncio
from collections.abc import Callable

from actors.errors import BusUnavailable, MessageRefused
from actors.ports import OnGap, OnMessage

MAX_PAYLOAD_BYTES = 1024 * 1024

Deliver = Callable[[], None]


class MemoryHub:
    """Carries messages between its ``MemoryBus``es; a publisher hears its own messages, as on PubNub.

    ``is_down`` and ``distort`` break it on purpose. Thread: the event loop.
    """

    def __init__(self) -> None:
        self.is_down = False
        """Publishes fail, and nothing is delivered; turning it off tells every subscriber of a gap."""
        self.distort: Callable[[Deliver], None] = lambda deliver: deliver()
        """Gets each delivery to one subscriber, to run it once, twice, later or never."""
        self._subscribers: dict[MemoryBus, tuple[OnMessage, OnGap]] = {}

    def bus(self) -> "MemoryBus":
        """Return a new node's bus."""
        return MemoryBus(self)

    def recover(self) -> None:
        """End an outage."""
        self.is_down = False
        for _, on_gap in tuple(self._subscribers.values()):
            on_gap("the hub was down")

    def subscribe(self, bus: "MemoryBus", on_message: OnMessage, on_gap: OnGap) -> None:
        """Deliver to ``bus`` from now on."""
        self._subscribers[bus] = (on_message, on_gap)

    def unsubscribe(self, bus: "MemoryBus") -> None:
        """Stop delivering to ``bus``; unknown ones are ignored."""
        self._subscribers.pop(bus, None)

    def publish(self, user_id: str, payload: bytes) -> None:
        """Deliver to every subscriber, each in a later turn of the loop, as a network would."""
        if self.is_down:
            raise BusUnavailable("the hub is down")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise MessageRefused(f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are accepted")
        loop = asyncio.get_running_loop()
        for bus in self._subscribers:
            loop.call_soon(self.distort, lambda bus=bus: self._deliver(bus, user_id, payload))

    def _deliver(self, bus: "MemoryBus", user_id: str, payload: bytes) -> None:
        subscriber = self._subscribers.get(bus)
        if subscriber is not None and not self.is_down:
            subscriber[0](user_id, payload)


class MemoryBus:
    """One node's end of a ``MemoryHub``."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub

    async def start(self, on_message: OnMessage, on_gap: OnGap) -> None:
        """Begin to receive."""
        self._hub.subscribe(self, on_message, on_gap)

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the hub. Raises: BusUnavailable while it is down."""
        self._hub.publish(user_id, payload)

    def status(self) -> str | None:
        """Return why the hub does not work, or ``None``."""
        return "the hub is down" if self._hub.is_down else None

    async def close(self) -> None:
        """Stop receiving."""
        self._hub.unsubscribe(self)
