import asyncio

import msgspec
import pytest
from msgspec import structs
from pykka import ActorRef

from actors.fanout.connection_registry import (
    EVICTION_TICK_S,
    EVICTIONS_PER_TICK,
    MAX_TRACED_DEVICES,
    ConnectionRegistry,
)
from actors.messages.close_codes import SLOW_CONSUMER
from actors.messages.collections import WATCHLIST
from actors.messages.connection import MAX_WAITING_FRAMES, ConsumerResumed, Deliver, MeasureWrite, SlowConsumer
from actors.messages.devices import DeviceCame, DeviceCameAgain, DeviceLeft, DevicesConnected
from actors.messages.fanout import (
    BroadcastToAll,
    ConnectedUsers,
    GetUserConnections,
    GetUsers,
    ListDevices,
    RegisterConnection,
    SendToDevice,
    SendToUser,
    ShownToDevice,
    UnregisterConnection,
)
from actors.messages.sync import (
    Catalogue,
    DeviceCommand,
    DeviceUpdate,
    ListUpdate,
    ProgressUpdate,
    SyncMessage,
    WatchlistUpdate,
)
from actors.metrics import BroadcastMetrics, RegistryMetrics
from actors.tracing import Span, Tracer, untraced
from tests.actors.conftest import Started, Supervision, content
from tests.fakes.devices import Devices
from tests.remembered import strings_kept_by

BEGAN_S = 1.0


def sending(user_id: str, messages: tuple[SyncMessage, ...]) -> SendToUser:
    return SendToUser(user_id, messages, BEGAN_S)


UPDATES = tuple(WatchlistUpdate(content(n), "add", revision=n) for n in (4, 5))


@pytest.fixture
def metrics() -> RegistryMetrics:
    return RegistryMetrics()


@pytest.fixture
async def registry(started: Started, devices: Devices, metrics: RegistryMetrics) -> ActorRef[ConnectionRegistry]:
    return started(ConnectionRegistry.start(devices.encode, metrics, BroadcastMetrics(), untraced()))


async def test_every_connection_of_the_user_and_nobody_else_is_sent_the_message(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    for connection_id, user_id in (("b", "ann"), ("c", "ann"), ("d", "ann"), ("x", "bob")):
        registry.tell(RegisterConnection(devices.connection(connection_id, user_id)))
    await registry.ask(sending("ann", UPDATES), block=False)
    for connection_id in "bcd":
        deliver = devices.told[connection_id][0]
        assert deliver.first_revision == 4
        assert [msgspec.json.decode(frame)["revision"] for frame in deliver.frames] == [4, 5]
    assert [len(devices.told[connection_id]) for connection_id in "bcdx"] == [1, 1, 2, 0]
    assert (metrics.total_connections, metrics.active_users, metrics.messages_sent) == (4, 2, 6)


async def test_a_message_is_encoded_once_and_every_connection_gets_the_same_bytes(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    for connection_id in "bcd":
        registry.tell(RegisterConnection(devices.connection(connection_id)))
    await registry.ask(sending("ann", UPDATES[:1]), block=False)
    assert devices.encoded == 1
    assert len({id(devices.told[connection_id][0].frames[0]) for connection_id in "bcd"}) == 1


async def test_a_user_without_connections_receives_nothing_and_costs_no_encoding(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    await registry.ask(sending("nobody", UPDATES), block=False)
    assert devices.encoded == 0


async def test_an_unregistered_connection_is_sent_nothing_more_and_the_counts_fall(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    for connection_id in "bcd":
        registry.tell(RegisterConnection(devices.connection(connection_id)))
    assert await registry.ask(UnregisterConnection("b"), block=False) is True
    assert await registry.ask(UnregisterConnection("b"), block=False) is False
    await registry.ask(sending("ann", UPDATES), block=False)
    assert devices.told["b"] == []
    assert (metrics.total_connections, metrics.messages_sent) == (2, 4)


def test_of_a_user_who_has_gone_nothing_is_kept_though_some_devices_did_not_read(devices: Devices) -> None:
    registry = ConnectionRegistry(devices.encode, RegistryMetrics(), BroadcastMetrics(), untraced())
    tv, phone = devices.connection("tv"), devices.connection("phone")
    for message in (
        RegisterConnection(tv),
        RegisterConnection(phone),
        SlowConsumer(tv, 1, 80),
        SlowConsumer(phone, 1, 80),
    ):
        registry.on_receive(message)
    registry.on_receive(ConsumerResumed(tv))
    registry.on_receive(UnregisterConnection("phone"))
    assert "ann" in strings_kept_by(registry)
    registry.on_receive(UnregisterConnection("tv"))
    assert "ann" not in strings_kept_by(registry)


async def test_registering_twice_counts_once(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    connection = devices.connection("b")
    registry.tell(RegisterConnection(connection))
    registry.tell(RegisterConnection(connection))
    assert await registry.ask(GetUserConnections("ann"), block=False) == (connection,)
    assert metrics.total_connections == 1


async def test_the_last_connection_takes_its_user_along(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    registry.tell(RegisterConnection(devices.connection("b")))
    await registry.ask(UnregisterConnection("b"), block=False)
    assert await registry.ask(GetUserConnections("ann"), block=False) == ()
    assert metrics.active_users == 0


async def test_users_are_listed_with_their_connections_longest_connected_first(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    for connection_id, user_id in (("a", "ann"), ("b", "bob"), ("c", "ann"), ("d", "cat")):
        registry.tell(RegisterConnection(devices.connection(connection_id, user_id)))
    assert await registry.ask(GetUsers(2), block=False) == ConnectedUsers((("ann", 2), ("bob", 1)), 3)
    for connection_id in "abcd":
        registry.tell(UnregisterConnection(connection_id))
    assert await registry.ask(GetUsers(2), block=False) == ConnectedUsers((), 0)


async def test_a_broadcast_reaches_every_user(registry: ActorRef[ConnectionRegistry], devices: Devices) -> None:
    for connection_id, user_id in (("b", "ann"), ("x", "bob")):
        registry.tell(RegisterConnection(devices.connection(connection_id, user_id)))
    assert await registry.ask(BroadcastToAll(DeviceCommand("pause")), block=False) == 2
    assert devices.told["b"][0].first_revision is None
    assert msgspec.json.decode(devices.told["x"][0].frames[0]) == {"type": "device_command", "command": "pause"}


async def test_a_device_that_does_not_read_is_told_nothing_until_it_does_and_then_everything(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    tv, phone = devices.connection("tv"), devices.connection("phone")
    registry.tell(RegisterConnection(tv))
    registry.tell(RegisterConnection(phone))
    registry.tell(SlowConsumer(tv, frames=1, size_bytes=80))
    await registry.ask(sending("ann", UPDATES), block=False)
    assert await registry.ask(BroadcastToAll(DeviceCommand("pause")), block=False) == 2
    assert devices.told["tv"] == []
    assert metrics.messages_sent == 3
    registry.tell(ConsumerResumed(tv))
    await registry.ask(sending("ann", UPDATES[1:]), block=False)
    of_tv, of_phone = (
        [message for message in devices.told[name] if isinstance(message, Deliver)] for name in ("tv", "phone")
    )
    assert [delivery.first_revision for delivery in of_tv] == [4, None, 5]
    assert of_tv == of_phone
    assert metrics.messages_sent == 8


async def test_what_waits_for_one_device_goes_on_to_wait_though_another_reads_again_or_leaves(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    tv, phone, tablet = (devices.connection(name) for name in ("tv", "phone", "tablet"))
    for connection in (tv, phone, tablet):
        registry.tell(RegisterConnection(connection))
        registry.tell(SlowConsumer(connection, frames=1, size_bytes=80))
    registry.tell(sending("ann", UPDATES[:1]))
    registry.tell(ConsumerResumed(tv))
    registry.tell(UnregisterConnection("tablet"))
    await registry.ask(sending("ann", UPDATES[1:]), block=False)
    assert devices.told["phone"] == []
    await registry.ask(ConsumerResumed(phone), block=False)
    deliveries = [message for message in devices.told["phone"] if isinstance(message, Deliver)]
    assert [delivery.first_revision for delivery in deliveries] == [4, 5]


async def test_devices_for_which_too_much_waits_are_evicted_a_few_at_a_time(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    names = [str(number) for number in range(3 * EVICTIONS_PER_TICK)]
    for name in names:
        slow = devices.connection(name)
        registry.tell(RegisterConnection(slow))
        registry.tell(SlowConsumer(slow, frames=MAX_WAITING_FRAMES, size_bytes=0))
    registry.tell(RegisterConnection(devices.connection("tv")))
    await registry.ask(sending("ann", UPDATES[:1]), block=False)

    def evicted() -> list[str]:
        return [name for name in names if devices.told[name]]

    assert evicted() == names[:EVICTIONS_PER_TICK]
    assert metrics.total_connections == 1
    await registry.ask(sending("ann", UPDATES[1:]), block=False)
    while len(evicted()) < len(names):
        await asyncio.sleep(EVICTION_TICK_S)
    for name in names:
        (disconnect,) = devices.told[name]
        assert disconnect.close == SLOW_CONSUMER
    assert [message.first_revision for message in devices.told["tv"] if isinstance(message, Deliver)] == [4, 5]


async def test_devices_of_several_users_are_evicted_no_faster_than_those_of_one(devices: Devices) -> None:
    registry = ConnectionRegistry(devices.encode, RegistryMetrics(), BroadcastMetrics(), untraced())
    for user_id in ("ann", "bob"):
        for number in range(EVICTIONS_PER_TICK + 1):
            slow = devices.connection(f"{user_id}'s {number}", user_id)
            registry.on_receive(RegisterConnection(slow))
            registry.on_receive(SlowConsumer(slow, frames=MAX_WAITING_FRAMES, size_bytes=0))
        registry.on_receive(sending(user_id, UPDATES[:1]))
    evicted = [name for name, told in devices.told.items() if told]
    assert evicted == [f"ann's {number}" for number in range(EVICTIONS_PER_TICK)]


async def test_a_device_that_left_while_it_did_not_read_is_forgotten(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    tv = devices.connection("tv")
    registry.tell(RegisterConnection(tv))
    registry.tell(SlowConsumer(tv, frames=1, size_bytes=80))
    registry.tell(UnregisterConnection("tv"))
    registry.tell(SlowConsumer(tv, frames=1, size_bytes=80))
    registry.tell(RegisterConnection(devices.connection("phone")))
    await registry.ask(sending("ann", UPDATES), block=False)
    await registry.ask(ConsumerResumed(tv), block=False)
    assert devices.told["tv"] == []


async def test_of_a_traced_message_it_is_told_who_was_sent_it_and_who_does_not_read(
    started: Started, devices: Devices, metrics: RegistryMetrics
) -> None:
    spans: list[Span] = []
    tracer = Tracer(spans.append, 1.0)
    trace = tracer.accept(None, "ann", "laptop", "http")
    assert trace is not None
    tracer.commit(trace, 4, "added", is_new=True)
    relay = tracer.begin_relay("ann", 4)
    assert relay is not None
    registry = started(ConnectionRegistry.start(devices.encode, metrics, BroadcastMetrics(), tracer))
    tv = devices.connection("tv", device_id="tv-in-the-kitchen")
    registry.tell(RegisterConnection(tv))
    registry.tell(RegisterConnection(devices.connection("phone")))
    registry.tell(RegisterConnection(structs.replace(devices.connection("page"), collections=frozenset({"list:kids"}))))
    registry.tell(SlowConsumer(tv, frames=1, size_bytes=80))
    spans.clear()
    await registry.ask(sending("ann", UPDATES), block=False)
    relayed, held = spans
    assert (relayed.stage, relayed.span_id, relayed.details) == ("relayed", relay.span_id, {"devices": 2})
    assert (held.stage, held.parent_id, held.details["device_id"]) == ("held", relay.span_id, "tv-in-the-kitchen")
    *_, measure = (message for message in devices.told["phone"] if isinstance(message, MeasureWrite))
    measure.measured(True)
    assert [(span.stage, span.details["connection_id"]) for span in spans[2:]] == [("written", "phone")]


async def test_a_message_is_traced_to_a_bounded_number_of_devices_however_many_there_are(
    started: Started, devices: Devices
) -> None:
    spans: list[Span] = []
    tracer = Tracer(spans.append, 1.0)
    trace = tracer.accept(None, "ann", "laptop", "http")
    assert trace is not None
    tracer.commit(trace, 4, "added", is_new=True)
    tracer.begin_relay("ann", 4)
    registry = started(ConnectionRegistry.start(devices.encode, RegistryMetrics(), BroadcastMetrics(), tracer))
    names = [f"device {number}" for number in range(MAX_TRACED_DEVICES + 5)]
    for name in names:
        registry.tell(RegisterConnection(devices.connection(name)))
    spans.clear()
    await registry.ask(sending("ann", UPDATES), block=False)
    for told in devices.told.values():
        for message in told:
            if isinstance(message, MeasureWrite):
                message.measured(True)
    assert [span.details.get("devices") for span in spans[:1]] == [len(names)]
    assert sum(span.stage == "written" for span in spans) == MAX_TRACED_DEVICES


async def test_a_relay_of_progress_is_counted_as_such(started: Started, devices: Devices) -> None:
    relays = BroadcastMetrics()
    registry = started(ConnectionRegistry.start(devices.encode, RegistryMetrics(), relays, untraced(), lambda: BEGAN_S))
    registry.tell(RegisterConnection(devices.connection("b")))
    await registry.ask(sending("ann", (ProgressUpdate(content(1), 5, 10, "update", revision=1),)), block=False)
    assert +relays.updates_relayed == {"progress": 1}


async def test_a_relay_is_counted_and_timed_from_its_start_to_the_last_tell(started: Started, devices: Devices) -> None:
    relays = BroadcastMetrics()
    clock = iter((8.0, BEGAN_S + 0.5))
    registry = started(
        ConnectionRegistry.start(devices.encode, RegistryMetrics(), relays, untraced(), lambda: next(clock))
    )
    registry.tell(RegisterConnection(devices.connection("b")))
    await registry.ask(sending("ann", UPDATES), block=False)
    assert relays.messages_relayed == relays.updates_relayed["watchlist"] == len(UPDATES)
    assert list(relays.broadcast_latency.latest) == [0.5, 0.5]


@pytest.mark.actors_may_fail
async def test_a_registry_whose_codec_raises_is_restarted_and_counted_and_sends_what_comes_next(
    supervision: Supervision, devices: Devices
) -> None:
    relays, broken = BroadcastMetrics(), UPDATES[0]

    def frame(message: SyncMessage) -> bytes:
        if message is broken:
            raise ValueError("cannot be encoded")
        return devices.encode(message)

    registry = supervision.start(ConnectionRegistry.start(frame, RegistryMetrics(), relays, untraced()))
    registry.tell(RegisterConnection(devices.connection("b")))
    registry.tell(sending("ann", (broken,)))
    await registry.ask(sending("ann", UPDATES[1:]), block=False)
    assert [message.first_revision for message in devices.told["b"] if isinstance(message, Deliver)] == [5]
    assert relays.messages_relayed == 1
    assert supervision.restarts == supervision.messages_skipped == {"ConnectionRegistry": 1}


async def test_the_last_connection_of_a_relay_is_asked_when_it_has_written(
    started: Started, devices: Devices, metrics: RegistryMetrics
) -> None:
    clock = iter((0.5, 0.75, 1.0, 2.0, 1.25, 3.0))
    registry = started(
        ConnectionRegistry.start(devices.encode, metrics, BroadcastMetrics(), untraced(), lambda: next(clock))
    )
    for connection_id in "bc":
        registry.tell(RegisterConnection(devices.connection(connection_id)))
    await registry.ask(sending("ann", (DeviceUpdate(device_id="tv", revision=1),)), block=False)  # nobody follows
    await registry.ask(sending("ann", UPDATES), block=False)
    assert [type(message) for message in devices.told["b"]] == [Deliver]
    deliver, measure = devices.told["c"]
    assert (type(deliver), type(measure)) == (Deliver, MeasureWrite)
    measure.measured(False)
    assert metrics.write_latency.sum == 0
    measure.measured(True)
    assert metrics.write_latency.sum == 0.25
    await registry.ask(sending("ann", UPDATES), block=False)
    assert [type(message) for message in devices.told["c"]] == [Deliver, MeasureWrite, Deliver]


async def test_a_command_of_the_channel_goes_to_the_device_it_names_or_to_all_of_them(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    for device_id in ("tv", "phone"):
        registry.tell(RegisterConnection(devices.connection(device_id, device_id=device_id)))
    for target in (None, "phone"):
        await registry.ask(sending("ann", (DeviceCommand("pause", target),)), block=False)
    told = {name: sum(isinstance(message, Deliver) for message in devices.told[name]) for name in ("tv", "phone")}
    assert told == {"tv": 1, "phone": 2}


async def test_a_message_to_all_of_nobody_is_sent_to_nobody(registry: ActorRef[ConnectionRegistry]) -> None:
    assert await registry.ask(BroadcastToAll(DeviceCommand("pause")), block=False) == 0


async def test_documented_methods_can_be_called_through_a_proxy(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    proxy = registry.proxy()
    await proxy.register(devices.connection("b"))
    assert await proxy.send_to_user("ann", *UPDATES) == 1
    assert [c.connection_id for c in await proxy.get_user_connections("ann")] == ["b"]
    assert await proxy.unregister("b") is True


async def test_a_change_goes_to_those_who_follow_its_collection_and_is_charged_to_them_alone(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    names = {"both": {WATCHLIST, "list:kids"}, "watchlist": {WATCHLIST}, "kids": {"list:kids"}}
    followers = {
        name: structs.replace(devices.connection(name), collections=frozenset(of)) for name, of in names.items()
    }
    for connection in followers.values():
        registry.tell(RegisterConnection(connection))
    of_kids = SendToUser("ann", (ListUpdate.of("kids", UPDATES[0]),), 0.0)
    await registry.ask(of_kids, block=False)
    told = {name for name in names if any(isinstance(message, Deliver) for message in devices.told[name])}
    assert told == {"both", "kids"}
    assert [m.collection for m in devices.told["kids"] if isinstance(m, Deliver)] == ["list:kids"]
    registry.tell(SlowConsumer(followers["watchlist"], frames=MAX_WAITING_FRAMES, size_bytes=0))
    registry.tell(SlowConsumer(followers["kids"], frames=MAX_WAITING_FRAMES, size_bytes=0))
    await registry.ask(of_kids, block=False)
    assert await registry.ask(GetUserConnections("ann"), block=False) == (followers["both"], followers["watchlist"])
    registry.tell(ConsumerResumed(followers["watchlist"]))
    await registry.ask(GetUsers(1), block=False)
    assert [message for message in devices.told["watchlist"] if isinstance(message, Deliver)] == []


@pytest.mark.parametrize("hint", [DeviceUpdate(device_id="tv", is_online=True), Catalogue(())])
async def test_a_hint_goes_to_those_who_follow_its_collection_also_when_they_read_again(
    registry: ActorRef[ConnectionRegistry], devices: Devices, hint: DeviceUpdate | Catalogue
) -> None:
    both = (WATCHLIST, hint.collection)
    others = {"devices", "lists"} - {hint.collection}
    follows = {"simple": (WATCHLIST, *others), "app": both, "slow": both}
    connections = {
        name: structs.replace(devices.connection(name), collections=frozenset(of)) for name, of in follows.items()
    }
    for connection in connections.values():
        registry.tell(RegisterConnection(connection))
    registry.tell(SlowConsumer(connections["slow"], frames=1, size_bytes=80))
    await registry.ask(sending("ann", (hint,)), block=False)

    def told() -> list[str]:
        return [name for name in follows if any(isinstance(message, Deliver) for message in devices.told[name])]

    assert told() == ["app"]
    registry.tell(ConsumerResumed(connections["slow"]))
    await registry.ask(GetUsers(1), block=False)
    assert told() == ["app", "slow"]


async def test_what_is_for_all_devices_waits_for_one_whatever_it_follows(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    player = structs.replace(devices.connection("player"), collections=frozenset({"progress"}))
    registry.tell(RegisterConnection(player))
    registry.tell(SlowConsumer(player, frames=1, size_bytes=80))
    await registry.ask(BroadcastToAll(DeviceCommand("pause")), block=False)
    await registry.ask(ConsumerResumed(player), block=False)
    (delivery,) = devices.told["player"]
    assert msgspec.json.decode(delivery.frames[0])["command"] == "pause"


@pytest.fixture
def came_and_left() -> list[DeviceCame | DeviceCameAgain | DeviceLeft]:
    return []


@pytest.fixture
async def watched(
    started: Started,
    devices: Devices,
    metrics: RegistryMetrics,
    came_and_left: list[DeviceCame | DeviceCameAgain | DeviceLeft],
) -> ActorRef[ConnectionRegistry]:
    relays = BroadcastMetrics()
    return started(ConnectionRegistry.start(devices.encode, metrics, relays, untraced(), presence=came_and_left.append))


async def test_a_device_comes_with_its_first_connection_and_leaves_with_its_last(
    watched: ActorRef[ConnectionRegistry],
    devices: Devices,
    came_and_left: list[DeviceCame | DeviceCameAgain | DeviceLeft],
) -> None:
    tv, tab = devices.connection("b"), devices.connection("c")
    for connection in (tv, tab, tv, devices.connection("d", device_id="phone")):
        watched.tell(RegisterConnection(connection))
    connected: list[DevicesConnected] = []
    watched.tell(ListDevices(connected.append))
    for connection_id in "bcbd":
        await watched.ask(UnregisterConnection(connection_id), block=False)
    assert connected == [DevicesConnected((("ann", "tv"), ("ann", "phone")))]
    assert came_and_left == [
        DeviceCame("ann", "tv"), DeviceCameAgain("ann", "tv"), DeviceCame("ann", "phone"),
        DeviceLeft("ann", "tv"), DeviceLeft("ann", "phone"),
    ]  # fmt: skip


async def test_of_a_device_that_polls_it_is_said_when_it_leaves(
    watched: ActorRef[ConnectionRegistry],
    devices: Devices,
    came_and_left: list[DeviceCame | DeviceCameAgain | DeviceLeft],
) -> None:
    watched.tell(RegisterConnection(structs.replace(devices.connection("b"), polls=True)))
    await watched.ask(UnregisterConnection("b"), block=False)
    assert came_and_left[-1] == DeviceLeft("ann", "tv", polls=True)


async def test_a_command_is_shown_to_its_device_alone_and_to_none_of_its_connections_that_do_not_read(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    for connection_id, device_id, user_id in (
        ("b", "tv", "ann"), ("c", "tv", "ann"), ("d", "tv", "ann"), ("e", "phone", "ann"), ("x", "tv", "bob")
    ):  # fmt: skip
        connection = devices.connection(connection_id, user_id, device_id)
        registry.tell(RegisterConnection(connection))
        if connection_id == "d":
            registry.tell(SlowConsumer(connection, 1, 1))
    shown: list[ShownToDevice] = []
    command = DeviceCommand("play", "tv")
    registry.tell(SendToDevice("ann", command, 7.5, shown.append))
    await registry.ask(SendToDevice("cat", command, 7.5, shown.append), block=False)
    assert shown == [ShownToDevice(2), ShownToDevice(0)]
    assert {name: len(devices.told.get(name, [])) for name in "bcdex"} == {"b": 1, "c": 1, "d": 0, "e": 0, "x": 0}
    delivery = devices.told["b"][0]
    assert (delivery.first_revision, delivery.until_s, metrics.messages_sent) == (None, 7.5, 2)


async def test_of_a_command_it_is_said_whether_a_poll_was_shown_it(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    registry.tell(RegisterConnection(devices.connection("b", "ann", "tv")))
    registry.tell(RegisterConnection(structs.replace(devices.connection("c", "ann", "tv"), polls=True)))
    shown: list[ShownToDevice] = []
    await registry.ask(SendToDevice("ann", DeviceCommand("play", "tv"), 7.5, shown.append), block=False)
    assert shown == [ShownToDevice(2, polls=True)]


async def test_a_handoff_of_the_channel_is_a_relay_and_goes_to_its_device_alone(
    started: Started, devices: Devices
) -> None:
    relays = BroadcastMetrics()
    registry = started(ConnectionRegistry.start(devices.encode, RegistryMetrics(), relays, untraced()))
    for connection_id, device_id in (("b", "tv"), ("c", "phone")):
        registry.tell(RegisterConnection(devices.connection(connection_id, device_id=device_id)))
    await registry.ask(sending("ann", (DeviceCommand("handoff:film", "tv"),)), block=False)
    assert ([len(devices.told[name]) for name in "bc"], relays.messages_relayed) == ([1, 0], 1)
