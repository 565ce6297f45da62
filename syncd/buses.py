"""The bus engine that the settings name, and how its messages are signed."""

from importlib import import_module
from typing import Any

from actors.ports import Bus
from syncd.errors import ExtraMissing, SettingsError
from syncd.settings import Settings
from transport.bus.codec import BusCodec
from transport.bus.control_codec import ControlCodec
from transport.bus.none import NoBus


def open_bus(settings: Settings) -> Bus:
    """Return the bus that ``--bus`` names, not yet started; call it on the event loop.

    An engine's library is imported only when it is chosen: it is an extra, and it slows the start.

    Raises:
        SettingsError: the engine is unknown, or lacks a setting.
        ExtraMissing: it lacks its library.
    """
    match bus_engine(settings):
        case "none":
            return NoBus()
        case "pubnub":
            return _pubnub(settings)
        case "nats":
            engine, servers = _engine("nats", "nats.bus"), _engine("nats", "nats.servers")
            return _made(lambda: engine.NatsBus(servers.NatsSettings(url=settings.bus, retry_s=settings.nats_retry)))
        case scheme:
            raise SettingsError(f"--bus {scheme}: must be none, pubnub or nats://host:4222")


def bus_engine(settings: Settings) -> str:
    """Return the name of the engine: ``none``, ``pubnub`` or ``nats``."""
    scheme = settings.bus.partition("://")[0]
    return "nats" if scheme == "tls" else scheme


def bus_codec(settings: Settings) -> BusCodec:
    """Return the codec that signs messages, and decides which to accept."""
    key = settings.bus_key.encode() if settings.bus_key is not None else None
    return BusCodec(key, are_foreign_allowed=settings.bus_foreign)


def control_codec(settings: Settings) -> ControlCodec | None:
    """Return the codec of the control channel; ``None``: this node is on its own, for want of a bus or a key."""
    if settings.bus == "none" or settings.bus_key is None:
        return None
    return ControlCodec(settings.bus_key.encode())


def bus_retry_s(settings: Settings) -> float:
    """Return how long to pause when the bus could not be used: as long as its engine does."""
    return settings.pubnub_retry if settings.bus == "pubnub" else settings.nats_retry


def bus_risk(settings: Settings) -> str | None:
    """Say what is amiss for want of a key; ``None``: there is one, or no bus."""
    if settings.bus == "none" or settings.bus_key is not None:
        return None
    harm = "change any user's list" if settings.bus_foreign else "show any user's devices changes that never happened"
    return f"without a bus key, anyone who can publish on the bus can {harm}, and the admin API acts on one node only"


def _pubnub(settings: Settings) -> Bus:
    for flag, value in (
        ("--pubnub-subscribe-key", settings.pubnub_subscribe_key),
        ("--pubnub-publish-key", settings.pubnub_publish_key),
    ):
        if value is None:
            raise SettingsError(f"--bus pubnub needs {flag}")
    client, engine = _engine("pubnub", "pubnub.client"), _engine("pubnub", "pubnub.bus")
    return _made(
        lambda: engine.PubNubBus(
            client.PubNubSettings(
                subscribe_key=settings.pubnub_subscribe_key,
                publish_key=settings.pubnub_publish_key,
                secret_key=settings.pubnub_secret_key,
                auth_token=settings.pubnub_auth_token,
                origin=settings.pubnub_origin,
                is_tls=settings.pubnub_tls,
                channel_groups=settings.pubnub_channel_groups,
                retry_s=settings.pubnub_retry,
            )
        )
    )


def _engine(name: str, module: str) -> Any:
    try:
        return import_module(f"transport.bus.{module}")
    except ImportError as error:
        raise ExtraMissing(f"--bus {name}", name, error) from error


def _made(make: Any) -> Bus:
    try:
        bus: Bus = make()
    except ValueError as error:
        raise SettingsError(f"--bus: {error}") from error
    return bus
