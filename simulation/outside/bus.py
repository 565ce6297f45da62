"""A bus in virtual time that does all the port allows: it loses, doubles, delays and reorders, and is away for a while.

Two styles of delivery. ``pubnub``: every node gets every message and drops what it does not want; an outage ends with a
gap. ``nats``: a node gets what it subscribes to, from a moment after it has asked for it on.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final, Literal

from msgspec import Struct

from actors.errors import BusUnavailable
from actors.ports import NOBODY, BusFigures, BusListener
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.outside.network import Delay
from transport.bus.peek import peek

Style = Literal["pubnub", "nats"]

LATE_S: Final = 10.0
"""How late a late message is, at most."""


OVERFLOW_S: Final = 1.0
"""After which a node is told that messages were lost because more came than it could take: the engines' own pause."""


class BusFaults(Struct, frozen=True, kw_only=True):
    """Shares of the deliveries, 0 to 1."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    """Up to ``LATE_S``."""
    backlog: int | None = None
    """Deliveries under way to a node, at most; what is beyond is lost, and the node is told of a gap. ``None``: any."""


class Hub:
    """What all nodes' buses are connected to."""

    def __init__(self, rng: Random, delay: Delay, log: EventLog, style: Style) -> None:
        self.style = style
        self.delay = delay
        self.faults = BusFaults()
        self.is_down = False
        """Nobody can publish, and what is under way is lost."""
        self.is_silent = False
        """It takes everything, brings nothing, and looks healthy."""
        self._rng = rng
        self.log = log
        self.buses: list[SimulatedBus] = []
        self.observers: list[Callable[[str, bytes], None]] = []
        """Told of each user and payload that a node publishes: whoever else listens on the channels."""

    def bus(self, loop: SimulatedLoop) -> "SimulatedBus":
        """Return the end of a node that runs on ``loop``."""
        return SimulatedBus(self, loop)

    def break_down(self) -> None:
        """Begin an outage."""
        self.is_down = True

    def recover(self) -> None:
        """End an outage; every node is told that it may have missed something."""
        self.is_silent = False
        if self.is_down:
            self.is_down = False
            for bus in tuple(self.buses):
                bus.loop.call_soon(bus.listener.on_gap, "the bus was away")

    def publish(self, sender: "SimulatedBus", user_id: str, payload: bytes) -> None:
        """Bring ``payload`` to every node, each with a fate of its own."""
        self.log.note("bus", f"{user_id} revision {peek(payload).revision} of {sender.listener.node}")
        for observer in self.observers:
            observer(user_id, payload)
        for bus in tuple(self.buses):
            self._bring(bus, bus.deliver, user_id, payload)

    def publish_from_outside(self, user_id: str, payload: bytes) -> None:
        """Bring a foreign publisher's write to every node, or with NATS to one of the queue group."""
        if self.is_down or not self.buses:
            return
        for bus in (self._rng.choice(self.buses),) if self.style == "nats" else tuple(self.buses):
            self._bring(bus, bus.deliver_foreign, user_id, payload)
        for bus in tuple(self.buses) if self.style == "nats" else ():
            self._bring(bus, bus.deliver, user_id, payload)

    def publish_control(self, payload: bytes) -> None:
        """Bring what a node says to all to every node, each with a fate of its own."""
        for bus in tuple(self.buses):
            self._bring(bus, bus.deliver_control, payload)

    def _bring(self, bus: "SimulatedBus", deliver: Callable[..., None], *args: Any) -> None:
        fate, faults = self._rng.random(), self.faults
        copies = 0 if fate < faults.lost else 2 if fate < faults.lost + faults.doubled else 1
        if copies != 1:
            self._note("loses" if copies == 0 else "doubles", bus, *args)
        for _ in range(copies):
            late_s = self._rng.uniform(0, LATE_S) if self._rng.random() < faults.late else 0.0
            if late_s:
                self._note(f"holds for {late_s:.1f} s", bus, *args)
            bus.bring(self.delay() + late_s, deliver, *args)

    def _note(self, fate: str, bus: "SimulatedBus", *args: Any) -> None:
        match args:
            case (user_id, payload):
                revision = peek(payload).revision
                what = f"{'what came from outside' if revision is None else f'r{revision}'} for {user_id}"
            case _:
                what = "what a node says to all"
        self.log.note("bus", f"{fate} {what} to {bus.listener.node}")


class SimulatedBus:
    """``actors.ports.Bus``, which documents its methods."""

    def __init__(self, hub: Hub, loop: SimulatedLoop) -> None:
        self._hub = hub
        self.loop = loop
        self._wanted: dict[str, bool] = {}
        """Users, and whether their messages arrive already."""
        self.listener = NOBODY
        self.is_severed = False
        """The node has crashed: what it still does reaches nobody."""
        self._under_way = 0
        self._overflow: asyncio.TimerHandle | None = None

    async def start(self, listener: BusListener) -> None:
        """Begin to receive."""
        self.listener = listener
        if self not in self._hub.buses and not self.is_severed:
            self._hub.buses.append(self)

    def sever(self) -> None:
        """Cut the node off for ever."""
        self.is_severed = True
        self._leave()

    def subscribe(self, user_id: str) -> None:
        """Deliver this user's messages: with NATS, from a moment later on."""
        is_at_once = self._hub.style == "pubnub"
        self._wanted[user_id] = is_at_once
        if not is_at_once:
            self.loop.call_later(self._hub.delay(), self._subscribed, user_id)

    def unsubscribe(self, user_id: str) -> None:
        """Deliver them no more."""
        self._wanted.pop(user_id, None)

    def bring(self, after_s: float, deliver: Callable[..., None], *args: Any) -> None:
        """Have ``deliver`` called after a while, unless too much is under way: then say so, a moment later."""
        backlog = self._hub.faults.backlog
        if backlog is None or self._under_way < backlog:
            self._under_way += 1
            self.loop.call_later(after_s, self._arrive, deliver, *args)
        elif self._overflow is None and self in self._hub.buses:
            self._hub.log.note("bus", f"overflows before {self.listener.node}")
            self._overflow = self.loop.call_later(OVERFLOW_S, self._tell_overflow)

    def deliver(self, user_id: str, payload: bytes) -> None:
        """Take a message that the hub brings."""
        hub = self._hub
        if self not in hub.buses or hub.is_down or hub.is_silent or not self._wanted.get(user_id):
            return
        if peek(payload).origin != self.listener.node:
            self.listener.on_message(user_id, payload)

    def deliver_foreign(self, user_id: str, payload: bytes) -> None:
        """Take what a foreign publisher has written, whoever its user is."""
        hub, on_foreign = self._hub, self.listener.on_foreign
        if self in hub.buses and not hub.is_down and not hub.is_silent and on_foreign is not None:
            on_foreign(user_id, payload)

    def deliver_control(self, payload: bytes) -> None:
        """Take what a node says to all."""
        hub, on_control = self._hub, self.listener.on_control
        if self in hub.buses and not hub.is_down and not hub.is_silent and on_control is not None:
            on_control(payload)

    async def publish(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the hub. Raises: BusUnavailable."""
        await asyncio.sleep(self._hub.delay())
        if self.is_severed:
            return
        if self._hub.is_down:
            raise BusUnavailable("the bus is away")
        self._hub.publish(self, user_id, payload)

    async def publish_to_devices(self, user_id: str, payload: bytes) -> None:
        """Hand ``payload`` to the hub, which has one channel a user. Raises: BusUnavailable."""
        await self.publish(user_id, payload)

    async def publish_control(self, payload: bytes) -> None:
        """Hand ``payload`` to the hub, for every node. Raises: BusUnavailable."""
        await asyncio.sleep(self._hub.delay())
        if self.is_severed:
            return
        if self._hub.is_down:
            raise BusUnavailable("the bus is away")
        self._hub.publish_control(payload)

    def status(self) -> str | None:
        """Return why it does not work."""
        return "the bus is away" if self._hub.is_down else None

    def figures(self) -> BusFigures:
        """Return how many users are subscribed to."""
        return BusFigures(subscribed=len(self._wanted))

    async def close(self) -> None:
        """Stop receiving."""
        self._leave()

    def _arrive(self, deliver: Callable[..., None], *args: Any) -> None:
        self._under_way -= 1
        deliver(*args)

    def _tell_overflow(self) -> None:
        self._overflow = None
        self.listener.on_gap("more came than could be taken")

    def _leave(self) -> None:
        if self._overflow is not None:
            self._overflow.cancel()
            self._overflow = None
        if self in self._hub.buses:
            self._hub.buses.remove(self)

    def _subscribed(self, user_id: str) -> None:
        if self not in self._hub.buses or user_id not in self._wanted:
            return
        if self._hub.is_down:  # it is subscribed when the bus is back, which tells of a gap then
            self._wanted[user_id] = True
            return
        self._wanted[user_id] = True
        self.listener.on_subscribed((user_id,))
