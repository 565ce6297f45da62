"""The bus that the settings name, and whose messages are accepted on it."""

import sys
from typing import Any

import pytest

from actors.errors import BusMessageRefused
from actors.messages.channel import HeadMoved, PubNubProgressUpdate
from syncd.buses import bus_codec, bus_engine, bus_retry_s, control_codec, open_bus
from syncd.checks.bus import check_bus
from syncd.errors import ExtraMissing, SettingsError
from syncd.settings import Settings
from transport.bus.nats.bus import NatsBus
from transport.bus.none import NoBus
from transport.bus.pubnub.bus import PubNubBus

KEY = "x" * 32
PUBNUB = {"bus": "pubnub", "pubnub_subscribe_key": "sub", "pubnub_publish_key": "pub", "pubnub_origin": "127.0.0.1:9"}
PROGRESS = PubNubProgressUpdate("0b0e6a4e-52a5-4a5b-9a1f-000000000001", 1, 2)
HEAD = HeadMoved(7, "other")


@pytest.mark.parametrize(
    ("chosen", "kind", "name"),
    [
        ({}, NoBus, "none"),
        (PUBNUB, PubNubBus, "pubnub"),
        (PUBNUB | {"pubnub_channel_groups": 2}, PubNubBus, "pubnub"),
        ({"bus": "nats://127.0.0.1:9"}, NatsBus, "nats"),
        ({"bus": "tls://127.0.0.1:9"}, NatsBus, "nats"),
        ({"bus": "nats://ann:pw@[::1]:9, tls://127.0.0.1"}, NatsBus, "nats"),
    ],
)
async def test_an_engine_is_chosen_by_its_name(chosen: dict[str, Any], kind: type, name: str) -> None:
    assert bus_engine(Settings(**chosen)) == name
    bus = open_bus(Settings(**chosen))
    assert isinstance(bus, kind)
    await bus.close()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"bus": "pigeon"}, "^--bus pigeon: must be none, pubnub or nats://host:4222$"),
        ({"bus": "amqp://ann:secret@bus"}, "^--bus amqp: must be"),
        ({"bus": "pubnub"}, "^--bus pubnub needs --pubnub-subscribe-key$"),
        ({"bus": "pubnub", "pubnub_subscribe_key": "sub"}, "^--bus pubnub needs --pubnub-publish-key$"),
        (PUBNUB | {"pubnub_origin": "https://ps.pndsn.com"}, "^--bus: the origin is a host, or host:port, and not"),
        ({"bus": "nats://ann:se#cret@h"}, "^--bus: must be nats://host:4222 or tls://host:4222, with commas between"),
    ],
)
async def test_a_bus_that_cannot_be_is_refused_by_its_setting(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        open_bus(Settings(**chosen))


@pytest.mark.parametrize(
    ("chosen", "retry_s"),
    [
        (PUBNUB, 5.0),
        (PUBNUB | {"pubnub_retry": 7.0, "nats_retry": 1.0}, 7.0),
        ({"bus": "nats://127.0.0.1:9"}, 2.0),
        ({"bus": "tls://127.0.0.1:9", "pubnub_retry": 7.0, "nats_retry": 1.0}, 1.0),
    ],
)
async def test_each_engine_has_its_own_pause_and_the_outbox_has_its_engines(
    chosen: dict[str, Any], retry_s: float
) -> None:
    settings = Settings(**chosen)
    assert bus_retry_s(settings) == retry_s
    bus: Any = open_bus(settings)
    engine = bus._subscription._settings if isinstance(bus, PubNubBus) else bus._settings
    assert engine.retry_s == retry_s
    await bus.close()


@pytest.mark.parametrize(("name", "chosen"), [("pubnub", PUBNUB), ("nats", {"bus": "nats://127.0.0.1:9"})])
async def test_an_engine_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, chosen: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, f"transport.bus.{name}.bus", None)  # cannot be imported
    with pytest.raises(ExtraMissing, match=rf"^--bus {name} needs .*: pip install 'syncd\[{name}\]'$"):
        open_bus(Settings(**chosen))
    (result,) = (await check_bus(Settings(**chosen))).results
    assert result.status == "failed"
    assert result.fix == f"pip install 'syncd[{name}]', for --bus (SYNCD_BUS)"


@pytest.mark.parametrize(
    ("chosen", "is_accepted"),
    [
        ({}, False),
        ({"bus_foreign": True}, True),
        ({"bus_key": KEY}, False),
        ({"bus_key": KEY, "bus_foreign": True}, True),
    ],
)
def test_a_foreign_publisher_is_heard_only_where_a_setting_says_so(chosen: dict[str, Any], is_accepted: bool) -> None:
    unsigned = bus_codec(Settings()).encode("ann", PROGRESS)
    codec = bus_codec(Settings(**chosen))
    if is_accepted:
        assert codec.decode("ann", unsigned) == PROGRESS
    else:
        with pytest.raises(BusMessageRefused):
            codec.decode("ann", unsigned)


def test_nodes_that_share_a_key_understand_each_other_and_nobody_else() -> None:
    signed = bus_codec(Settings(bus_key=KEY)).encode("ann", HEAD)
    assert bus_codec(Settings(bus_key=KEY)).decode("ann", signed) == HEAD
    with pytest.raises(BusMessageRefused):
        bus_codec(Settings(bus_key=KEY.upper())).decode("ann", signed)


@pytest.mark.parametrize(
    ("chosen", "is_there"),
    [
        ({}, False),
        ({"bus_key": KEY}, False),
        ({"bus": "nats://127.0.0.1:9"}, False),
        ({"bus": "nats://127.0.0.1:9", "bus_key": KEY}, True),
        (PUBNUB | {"bus_key": KEY}, True),
    ],
)
def test_nodes_command_each_other_only_over_a_bus_and_with_a_key(chosen: dict[str, Any], is_there: bool) -> None:
    assert (control_codec(Settings(**chosen)) is not None) == is_there
