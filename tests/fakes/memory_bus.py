"""A bus between nodes of one process: for tests and for trying things out."""

import asyncio
from collections.abc import Callable
from functools import partial

from actors.errors import BusUnavailable, MessageRefused
from actors.ports import NOBODY, BusFigures, BusListener
from transport.bus.peek import peek

MAX_PAYLOAD_BYTES = 1024 * 1024

Deliver = Callable[[], None]


class MemoryHub:
    """Carries messages between its ``MemoryBus``es.

    ``is_down`` and ``distort`` break it on purpose. Thread: the event loop.
    """

    def __init__(self) -> None:
        self.is_down = False
        """Publishes fail, and nothing is delivered; turning it off tells every subscriber of a gap."""
        self.distort: Callable[[Deliver], None] = lambda deliver: deliver()
        """Gets each delivery to one subscriber, to run it once, twice, later or never."""
        self.subscribers: list[MemoryBus] = []

    def bus(self) -> "MemoryBus":
        """Return a new node's bus."""
        return MemoryBus(self)

    def recover(self) -> None:
        """End an outage."""
        self.is_down = False
        for bus in tuple(self.subscribers):
            bus.listener.on_gap("the hub was down")

    def publish(self, user_id: str | None, payload: bytes) -> None:
        """Offer it to every bus, each in a later turn of the loop, as a network would; no user: the control channel."""
        if self.is_down:
            raise BusUnavailable("the hub is down")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise MessageRefused(f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are accepted")
        loop = asyncio.get_running_loop()
        for bus in self.subscribers:
            deliver = partial(bus.deliver, user_id) if user_id is not None else bus.deliver_control
            loop.call_soon(self.distort, partial(deliver, payload))


class MemoryBus:
    """One node's end of a ``MemoryHub``."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self._subscribed: set[str] = set()
        self.listener = NOBODY

    async def start(self, listener: BusListener) -> None:
        """Begin to receive."""
        self.listener = listener
        if self not in self._hub.subscribers:
            self._hub.subscribers.append(self)

    def subscribe(self, user_id: str) -> None:
        """Deliver this user's messages."""
        self._subscribed.add(user_id)

    def unsubscribe(self, user_id: str) -> None:
        """Deliver them no more."""
        self._subscribed.discard(user_id)

    def deliver(self, user_id: str, payload: bytes) -> None:
        """Take a message from the hub, if it is wanted."""
        if self not in self._hub.subscribers or self._hub.is_down:
            return
        seems, is_subscribed, on_foreign = peek(payload), user_id in self._subscribed, self.listener.on_foreign
        if seems.origin == self.listener.node:
            return
        if on_foreign is not None and not seems.is_of_node and (seems.is_foreign_write or not is_subscribed):
            on_foreign(user_id, payload)
        elif is_subscribed:
            self.listener.on_message(user_id, payload)

    def deliver_control(self, payload: bytes) -> None:
        """Take a message of the control channel, if it is wanted."""
        on_control = self.listener.on_control
        if self in self._hub.subscribers and not self._hub.is_down and on_control is not None:
            on_control(payload)

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the hub. Raises: BusUnavailable while it is down."""
        self._hub.publish(user_id, payload)

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the hub, which has one channel a user. Raises: BusUnavailable while it is down."""
        self._hub.publish(user_id, payload)

    async def publish_control(self, payload: bytes) -> None:
        """Hand ``payload`` to the hub for every node. Raises: BusUnavailable while it is down."""
        self._hub.publish(None, payload)

    def status(self) -> str | None:
        """Return why the hub does not work, or ``None``."""
        return "the hub is down" if self._hub.is_down else None

    def figures(self) -> BusFigures:
        """Return how many users it subscribes to."""
        return BusFigures(subscribed=len(self._subscribed))

    async def close(self) -> None:
        """Stop receiving."""
        if self in self._hub.subscribers:
            self._hub.subscribers.remove(self)
