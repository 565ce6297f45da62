"""Whether the bus delivers a message, checked with the engine that the daemon uses."""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from actors.errors import BusUnavailable, MessageRefused
from actors.messages.channel import HeadMoved
from actors.ports import Bus, BusListener
from syncd.buses import bus_codec, open_bus
from syncd.checks.http_answer import fetch
from syncd.checks.results import Checked, CheckResult, ClockReading, failed, ok, setting
from syncd.checks.timeouts import ANSWER_TIMEOUT_S
from syncd.errors import ExtraMissing, SettingsError, Unreachable
from syncd.settings import Settings
from transport.bus.none import NoBus
from transport.loop.blocking_calls import in_thread

NAME = "bus"
USER = "syncd\tcheck"
"""No real user: ids have no control characters. Nodes that receive a message for it have no such user and ignore it."""
NOT_DELIVERED = "no message came back"
POLL_S = 0.05
"""How often the bus is asked whether it has failed while a message is awaited."""
TIMETOKENS_PER_S = 10_000_000


async def check_bus(settings: Settings, timeout_s: float = ANSWER_TIMEOUT_S) -> Checked:
    """Publish a message on one connection and wait for it on another, ``timeout_s`` in all; also read PubNub's time."""
    try:
        sender, receiver = open_bus(settings), open_bus(settings)
    except ExtraMissing as error:
        return Checked((failed(NAME, error.reason, f"{error.fix}, for {setting('bus')}"),))
    except SettingsError as error:
        return Checked((failed(NAME, str(error), f"'syncd serve --help' explains the settings: {setting('bus')}"),))
    if isinstance(sender, NoBus):
        return Checked((ok(NAME, "none: this node runs alone"),))
    result, clocks = await asyncio.gather(_delivery(sender, receiver, settings, timeout_s), _clocks(settings))
    return Checked((result,), clocks)


async def _delivery(sender: Bus, receiver: Bus, settings: Settings, timeout_s: float) -> CheckResult:
    name = settings.bus.removeprefix("nats://").rpartition("@")[2]
    if settings.bus == "pubnub":
        name = settings.pubnub_origin
    try:
        async with asyncio.timeout(timeout_s):
            delivery_s = await _delivery_s(sender, receiver, settings)
    except (BusUnavailable, MessageRefused, TimeoutError) as error:
        reason = _silence(receiver.status(), timeout_s) if isinstance(error, TimeoutError) else str(error)
        return failed(NAME, f"{name}: {reason}", _fix(settings, reason))
    finally:
        await asyncio.gather(sender.close(), receiver.close())
    return ok(NAME, f"{name}: a message came back in {delivery_s * 1000:.1f} ms")


async def _delivery_s(sender: Bus, receiver: Bus, settings: Settings) -> float:
    """Return the time from a publish to its delivery. Raises: BusUnavailable, MessageRefused."""
    payload = bus_codec(settings).encode(USER, HeadMoved(0, origin=secrets.token_hex(8)))
    sent = msgspec.json.decode(payload)
    is_delivered = asyncio.Event()

    def on_message(user_id: str, received: bytes) -> None:
        if user_id == USER and msgspec.json.decode(received) == sent:
            is_delivered.set()

    receiver.subscribe(USER)
    await asyncio.gather(_started(receiver, on_message), _started(sender, lambda user_id, received: None))
    since_s = time.perf_counter()
    await sender.publish(USER, payload)
    await _wait(is_delivered, receiver)
    return time.perf_counter() - since_s


async def _started(bus: Bus, on_message: Callable[[str, bytes], None]) -> None:
    """Return when ``bus`` receives. Raises: BusUnavailable."""
    is_subscribed = asyncio.Event()
    await bus.start(
        BusListener(
            node="",
            on_message=on_message,
            on_gap=lambda reason: is_subscribed.set(),
            on_subscribed=lambda user_ids: None,
        )
    )
    await _wait(is_subscribed, bus)


async def _wait(event: asyncio.Event, bus: Bus) -> None:
    """Wait for ``event``. Raises: BusUnavailable, when the bus reports a new reason why it does not work."""
    at_first = bus.status()
    while not event.is_set():
        if (reason := bus.status()) not in (None, at_first):
            raise BusUnavailable(reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await event.wait()


def _silence(status: str | None, timeout_s: float) -> str:
    return NOT_DELIVERED if status is None else f"still {status} after {timeout_s:g} s"


def _fix(settings: Settings, reason: str) -> str:
    is_denied = any(word in reason.lower() for word in ("access denied", "authorization"))
    if settings.bus != "pubnub":
        question = "may the user in the URL publish and subscribe to user.*.*" if is_denied else "is it running"
        return f"{question}, and is the address right? {setting('bus')}"
    if is_denied:
        return f"grant read and write on user.*: {setting('pubnub_auth_token')}, or {setting('pubnub_secret_key')}"
    if "HTTP 4" in reason:
        return f"do these keys belong to the keyset? {setting('pubnub_publish_key')}, {setting('pubnub_subscribe_key')}"
    if reason == NOT_DELIVERED:
        return f"enable wildcard subscribe for the keyset, or set {setting('pubnub_channel_groups')}"
    return (
        f"can this machine reach it, and is the TLS setting right? {setting('pubnub_origin')}, {setting('pubnub_tls')}"
    )


async def _clocks(settings: Settings) -> tuple[ClockReading, ...]:
    """Return our clock compared with PubNub's; nothing for NATS, or if the origin does not offer its time."""
    if settings.bus != "pubnub":
        return ()
    url = f"{'https' if settings.pubnub_tls else 'http'}://{settings.pubnub_origin}/time/0"
    try:
        answer = await in_thread(lambda: fetch(url))
        server_s = msgspec.json.decode(answer.body, type=tuple[int])[0] / TIMETOKENS_PER_S
    except (Unreachable, msgspec.DecodeError):
        return ()
    return (ClockReading("PubNub", (answer.asked_s + answer.answered_s) / 2 - server_s),)
