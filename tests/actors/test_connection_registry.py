import msgspec
import pytest
from pykka import ActorDeadError, ActorRef

from actors.connection_messages import ConnectionInfo, Deliver, Flush
from actors.connection_registry import (
    BroadcastToAll,
    ConnectionRegistry,
    GetUserConnections,
    Register,
    SendToUser,
    Unregister,
)
from actors.metrics import RegistryMetrics
from actors.sync_messages import DeviceCommand, WatchlistUpdate
from tests.actors.conftest import Devices, Started, content

UPDATES = tuple(WatchlistUpdate(content(n), "add", revision=n) for n in (4, 5))


@pytest.fixture
def metrics() -> RegistryMetrics:
    return RegistryMetrics()


@pytest.fixture
async def registry(started: Started, devices: Devices, metrics: RegistryMetrics) -> ActorRef[ConnectionRegistry]:
    return started(ConnectionRegistry.start(devices.encode, metrics))


async def test_every_connection_of_the_user_and_nobody_else_is_sent_the_message(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    for connection_id, user_id in (("b", "ann"), ("c", "ann"), ("d", "ann"), ("x", "bob")):
        registry.tell(Register(devices.connection(connection_id, user_id)))
    assert await registry.ask(SendToUser("ann", UPDATES), block=False) == 3
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
        registry.tell(Register(devices.connection(connection_id)))
    await registry.ask(SendToUser("ann", UPDATES[:1]), block=False)
    assert devices.encoded == 1
    assert len({id(devices.told[connection_id][0].frames[0]) for connection_id in "bcd"}) == 1


async def test_a_user_without_connections_receives_nothing_and_costs_no_encoding(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    assert await registry.ask(SendToUser("nobody", UPDATES), block=False) == 0
    assert devices.encoded == 0


async def test_an_unregistered_connection_is_sent_nothing_more_and_the_counts_fall(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    for connection_id in "bcd":
        registry.tell(Register(devices.connection(connection_id)))
    assert await registry.ask(Unregister("b"), block=False) is True
    assert await registry.ask(Unregister("b"), block=False) is False
    assert await registry.ask(SendToUser("ann", UPDATES), block=False) == 2
    assert devices.told["b"] == []
    assert metrics.total_connections == 2


async def test_registering_twice_counts_once(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    connection = devices.connection("b")
    registry.tell(Register(connection))
    registry.tell(Register(connection))
    assert await registry.ask(GetUserConnections("ann"), block=False) == (connection,)
    assert metrics.total_connections == 1


async def test_the_last_connection_takes_its_user_along(
    registry: ActorRef[ConnectionRegistry], devices: Devices, metrics: RegistryMetrics
) -> None:
    registry.tell(Register(devices.connection("b")))
    await registry.ask(Unregister("b"), block=False)
    assert await registry.ask(GetUserConnections("ann"), block=False) == ()
    assert metrics.active_users == 0


async def test_a_broadcast_reaches_every_user(registry: ActorRef[ConnectionRegistry], devices: Devices) -> None:
    for connection_id, user_id in (("b", "ann"), ("x", "bob")):
        registry.tell(Register(devices.connection(connection_id, user_id)))
    assert await registry.ask(BroadcastToAll(DeviceCommand("pause")), block=False) == 2
    assert devices.told["b"][0].first_revision is None
    assert msgspec.json.decode(devices.told["x"][0].frames[0]) == {"type": "device_command", "command": "pause"}


async def test_a_connection_that_died_a_moment_ago_does_not_keep_the_others_from_theirs(
    registry: ActorRef[ConnectionRegistry], devices: Devices
) -> None:
    def dead(_message: object) -> None:
        raise ActorDeadError

    registry.tell(Register(ConnectionInfo("a", "ann", "gone", dead)))
    registry.tell(Register(devices.connection("b")))
    assert await registry.ask(SendToUser("ann", UPDATES), block=False) == 1
    assert [type(message) for message in devices.told["b"]] == [Deliver, Flush]


async def test_the_last_connection_of_a_relay_is_asked_when_it_has_written(
    started: Started, devices: Devices, metrics: RegistryMetrics
) -> None:
    clock = iter((1.0, 1.25))
    registry = started(ConnectionRegistry.start(devices.encode, metrics, lambda: next(clock)))
    for connection_id in "bc":
        registry.tell(Register(devices.connection(connection_id)))
    await registry.ask(SendToUser("ann", UPDATES), block=False)
    assert [type(message) for message in devices.told["b"]] == [Deliver]
    deliver, flush = devices.told["c"]
    assert (type(deliver), type(flush)) == (Deliver, Flush)
    assert metrics.write_latency.sum == 0
    flush.written(False)
    assert metrics.write_latency.sum == 0
    flush.written(True)
    assert metrics.write_latency.sum == 0.25
    await registry.ask(SendToUser("ann", UPDATES), block=False)
    assert [type(message) for message in devices.told["c"]] == [Deliver, Flush, Deliver]


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
