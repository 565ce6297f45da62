"""Whether the bus takes a message and brings it back, by the engine that the daemon uses."""

import asyncio
import secrets
import time
from contextlib import suppress

import msgspec

from actors.messages.sync import HeadMoved
from actors.ports import Bus, BusUnavailable, MessageRefused
from syncd.buses import bus_codec, open_bus
from syncd.checks.results import Checked, ClockReading, Finding, failed, ok, setting
from syncd.checks.timeouts import PATIENCE_S, Unreachable, fetch, in_thread
from syncd.settings import Settings, SettingsError
from transport.bus.none import NoBus

NAME = "bus"
USER = "syncd\tcheck"
"""Nobody's: a user's id is printable. A node that hears of it knows no such user, and does nothing."""
NOT_HEARD = "no message came back"
GLANCE_S = 0.05
"""How often a bus that is waited for is asked whether it has failed."""
TICKS_PER_S = 10_000_000
"""Of PubNub's timetokens."""


async def check_bus(settings: Settings) -> Checked:
    """Subscribe, publish a message and hear it; ask PubNub for its time, too."""
    try:
        bus = open_bus(settings)
    except SettingsError as error:
        return Checked((failed(NAME, str(error), f"'syncd serve --help' says what each takes: {setting('bus')}"),))
    if isinstance(bus, NoBus):
        return Checked((ok(NAME, "none: this node has nobody else to tell"),))
    finding, clocks = await asyncio.gather(_hear(bus, settings), _clocks(settings))
    return Checked((finding,), clocks)


async def _hear(bus: Bus, settings: Settings) -> Finding:
    name = settings.bus.removeprefix("nats://").rpartition("@")[2]
    if settings.bus == "pubnub":
        name = settings.pubnub_origin
    try:
        async with asyncio.timeout(PATIENCE_S):
            round_trip_s = await _round_trip_s(bus, settings)
    except (BusUnavailable, MessageRefused, TimeoutError) as error:
        reason = _silence(bus.status()) if isinstance(error, TimeoutError) else str(error)
        return failed(NAME, f"{name}: {reason}", _mend(settings, reason))
    finally:
        await bus.close()
    return ok(NAME, f"{name}: a message came back in {round_trip_s * 1000:.1f} ms")


async def _round_trip_s(bus: Bus, settings: Settings) -> float:
    """Return how long a message is under way. Raises: BusUnavailable, MessageRefused."""
    payload = bus_codec(settings).encode(USER, HeadMoved(0, origin=secrets.token_hex(8)))
    sent = msgspec.json.decode(payload)
    is_subscribed, is_heard = asyncio.Event(), asyncio.Event()

    def on_message(user_id: str, heard: bytes) -> None:
        if user_id == USER and msgspec.json.decode(heard) == sent:
            is_heard.set()

    await bus.start(on_message, lambda reason: is_subscribed.set())
    await _wait(is_subscribed, bus)
    since_s = time.perf_counter()
    await bus.publish(USER, payload)
    await _wait(is_heard, bus)
    return time.perf_counter() - since_s


async def _wait(event: asyncio.Event, bus: Bus) -> None:
    """Wait for ``event``. Raises: BusUnavailable: the bus has said meanwhile why it does not work."""
    at_first = bus.status()
    while not event.is_set():
        if (reason := bus.status()) not in (None, at_first):
            raise BusUnavailable(reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(GLANCE_S):
                await event.wait()


def _silence(status: str | None) -> str:
    return NOT_HEARD if status is None else f"still {status} after {PATIENCE_S:g} s"


def _mend(settings: Settings, reason: str) -> str:
    is_denied = any(word in reason.lower() for word in ("access denied", "authorization"))
    if settings.bus != "pubnub":
        rights = "may the user in the URL publish and subscribe to user.*.sync" if is_denied else "is it running"
        return f"{rights}, and is this its address? {setting('bus')}"
    if is_denied:
        return f"grant read and write on user.*: {setting('pubnub_auth_token')}, or {setting('pubnub_secret_key')}"
    if "HTTP 4" in reason:
        return f"are these the keyset's keys? {setting('pubnub_publish_key')}, {setting('pubnub_subscribe_key')}"
    if reason == NOT_HEARD:
        return f"enable wildcard subscribe for the keyset, or set {setting('pubnub_channel_groups')}"
    return f"may this machine reach it, and is TLS right? {setting('pubnub_origin')}, {setting('pubnub_tls')}"


async def _clocks(settings: Settings) -> tuple[ClockReading, ...]:
    """Return what PubNub's time says of ours; nothing for NATS, or if a compatible origin does not tell it."""
    if settings.bus != "pubnub":
        return ()
    url = f"{'https' if settings.pubnub_tls else 'http'}://{settings.pubnub_origin}/time/0"
    try:
        answer = await in_thread(lambda: fetch(url))
        server_s = msgspec.json.decode(answer.body, type=tuple[int])[0] / TICKS_PER_S
    except (Unreachable, msgspec.DecodeError):
        return ()
    return (ClockReading("PubNub", (answer.asked_s + answer.answered_s) / 2 - server_s),)
