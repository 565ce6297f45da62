import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from actors.errors import BusUnavailable
from actors.ports import Bus
from tests.sockets import free_port
from tests.timeouts import TIMEOUT_S
from tests.transport.bus.conftest import Inbox, NatsEngine
from transport.bus.nats.subscriptions import AT_ONCE

Until = Callable[[Callable[[], bool]], Awaitable[None]]


def with_arguments(*arguments: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("nats_engine", [arguments], indirect=True, ids=[""])


async def test_a_payload_arrives_byte_by_byte(nats_engine: Any) -> None:
    sender, _ = await nats_engine.node()
    bus, inbox = await nats_engine.node("u1")
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    listener = structs.replace(inbox.listener(), on_message=lambda user_id, payload: arrived.put_nowait(payload))
    await bus.start(listener)
    async with asyncio.timeout(TIMEOUT_S):
        await sender.publish("u1", b'{ "spaces" : 1 }')
        assert await arrived.get() == b'{ "spaces" : 1 }'


@with_arguments("--user", "us:er", "--pass", "p@ss/word")
async def test_a_user_and_password_of_the_address_are_decoded_and_used(nats_engine: Any) -> None:
    url = f"nats://us%3Aer:p%40ss%2Fword@127.0.0.1:{nats_engine.port}"
    sender, _ = await nats_engine.node(url=url)
    _, inbox = await nats_engine.node("u1", url=url)
    await sender.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


@with_arguments("--auth", "t0ken+")
async def test_a_token_of_the_address_is_used(nats_engine: Any) -> None:
    url = f"nats://t0ken%2B@127.0.0.1:{nats_engine.port}"
    sender, _ = await nats_engine.node(url=url)
    _, inbox = await nats_engine.node("u1", url=url)
    await sender.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


@with_arguments("--auth", "t0ken")
async def test_a_wrong_token_is_called_what_it_is(nats_engine: Any, until: Until) -> None:
    bus, _ = await nats_engine.node(is_up=False, url=f"nats://wrong@127.0.0.1:{nats_engine.port}")
    await until(lambda: "Authorization Violation" in (bus.status() or ""))
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await bus.publish("u1", b"1")


async def test_another_server_of_the_cluster_takes_over(nats_engine: Any) -> None:
    sender, inbox = await nats_engine.pair("u1", url=f"nats://127.0.0.1:1,{nats_engine.url}")
    await sender.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


async def test_another_server_takes_over_from_a_machine_that_is_off(
    nats_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nats.aio.client.shuffle", lambda servers: None)  # else it may ask the other one first
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # from then on what connects gets no answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"nats://127.0.0.1:{full.getsockname()[1]},{nats_engine.url}"
        _, inbox = await nats_engine.node(is_up=False, url=url, request_timeout_s=1)
        assert await inbox.gap() == "subscribed; before: connecting"


@pytest.fixture
def denying(tmp_path: Path) -> str:
    """Return the configuration of a server that lets nobody publish."""
    path = tmp_path / "nats.conf"
    path.write_text('authorization { users = [{ user: "a", password: "b", permissions: { publish: { deny: ">" } } }] }')
    return str(path)


async def test_a_denied_subject_is_called_what_it_is(nats_engine: Any, denying: str, until: Until) -> None:
    await nats_engine.stop()
    await nats_engine.resume("-c", denying)
    bus, _ = await nats_engine.node(url=f"nats://a:b@127.0.0.1:{nats_engine.port}")
    await bus.publish("u1", b"1")  # NATS takes it and complains later
    await until(lambda: "access denied" in (bus.status() or ""))


@pytest.mark.parametrize("denied", ["publish", "subscribe"])
async def test_what_was_denied_works_when_it_is_allowed(
    nats_engine: Any, tmp_path: Path, until: Until, denied: str
) -> None:
    path = tmp_path / "nats.conf"
    users = 'authorization {{ users = [{{ user: "a", password: "b", permissions: {{ {} }} }}] }}'
    path.write_text(users.format(f'{denied}: {{ deny: "user.u1.sync" }}'))
    await nats_engine.stop()
    await nats_engine.resume("-c", str(path))
    url = f"nats://a:b@127.0.0.1:{nats_engine.port}"
    soon = {"denied_pause_s": 0.1, "retry_s": 2 * TIMEOUT_S}  # the connection works: none waits for the next
    bus, inbox = await nats_engine.node("u1", url=url, **soon)
    sender, _ = await nats_engine.node(url=url, **soon)
    deprived = sender if denied == "publish" else bus
    await sender.publish("u1", b"1")
    await until(lambda: "access denied" in (deprived.status() or ""))
    path.write_text(users.format(""))
    nats_engine.reload()
    async with asyncio.timeout(TIMEOUT_S):
        while deprived.status() is not None or inbox.messages.empty():
            with contextlib.suppress(BusUnavailable):
                await sender.publish("u1", b"2")
            await asyncio.sleep(0.05)
    while not inbox.messages.empty():
        assert await inbox.message() == ("u1", 2)


async def test_a_server_that_falls_silent_is_found_by_the_next_publish(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    _, other_inbox = await nats_engine.node("u1")
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=0.2)
    pipe.freeze()
    with pytest.raises(BusUnavailable, match="did not confirm"):
        await bus.publish("u1", b"1")
    await inbox.gap()
    await bus.publish("u1", b"2")
    assert await other_inbox.message() == ("u1", 2)
    assert bus.figures().reconnects >= 1  # a machine that is busy may find the next connection silent, too


async def test_a_server_that_falls_silent_is_found_by_the_next_subscription(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    sender, _ = await nats_engine.node()
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=0.2)
    pipe.freeze()
    bus.subscribe("u1")
    await inbox.gap()  # the next connection was told of u1
    await sender.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


async def test_a_server_that_stops_reading_holds_nobody_up(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    _, other_inbox = await nats_engine.node("u1")
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=0.5)
    pipe.freeze()
    publishes = (bus.publish("u1", b"x" * 1_000_000) for _ in range(20))  # more than the sockets' buffers hold
    for outcome in await asyncio.gather(*publishes, return_exceptions=True):
        assert isinstance(outcome, BusUnavailable)
    await inbox.gap()
    await bus.publish("u1", b"2")
    assert await other_inbox.message() == ("u1", 2)


async def test_what_waited_for_a_connection_until_it_was_lost_is_not_confirmed_by_the_next_one(
    nats_engine: Any, pipe: Any
) -> None:
    pipe.target = nats_engine.port
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=1)
    pipe.freeze()
    first = asyncio.create_task(bus.publish("u1", b"1"))  # the connection is lost when this one has waited
    await asyncio.sleep(0.5)
    later = (bus.publish("u1", b"x" * 1_000_000) for _ in range(20))  # more than the sockets' buffers hold
    for outcome in await asyncio.gather(first, *later, return_exceptions=True):
        assert isinstance(outcome, BusUnavailable)
    await inbox.gap()
    await bus.publish("u1", b"2")


async def test_a_server_that_falls_silent_is_found_by_pings(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    _, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", ping_interval_s=0.05)
    pipe.freeze()
    assert "stale" in await inbox.gap()


async def test_publishes_that_are_cancelled_leave_the_connection_as_it_is(nats_engine: Any) -> None:
    bus, _ = await nats_engine.node()
    _, inbox = await nats_engine.node("u1", "u2", "u3")
    for _ in range(20):
        publish = asyncio.create_task(bus.publish("u1", b"1"))
        await asyncio.sleep(0)
        publish.cancel()
    await bus.publish("u2", b"2")
    while await inbox.message() != ("u2", 2):
        pass
    await bus.publish("u3", b"3")
    assert await inbox.message() == ("u3", 3)
    assert bus.figures().reconnects == 0


async def test_a_subscriber_that_raises_misses_one_message_and_gets_the_next(
    nats_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sender, _ = await nats_engine.node()
    bus, inbox = await nats_engine.node("u1")

    def fussy(user_id: str, payload: bytes) -> None:
        if payload == b"1":
            raise RuntimeError("not this one")
        listener.on_message(user_id, payload)

    listener = inbox.listener()
    await bus.start(structs.replace(listener, on_message=fussy))
    await sender.publish("u1", b"1")
    await sender.publish("u1", b"2")
    assert await inbox.message() == ("u1", 2)
    assert "a message on the bus was skipped" in caplog.text
    assert bus.figures().malformed == 1


async def test_messages_dropped_because_they_came_too_fast_are_one_gap(nats_engine: Any) -> None:
    users = [f"u{number}" for number in range(20)]
    slow, slow_inbox = await nats_engine.node(*users, max_waiting=2)  # for all of them together
    sender, inbox = await nats_engine.pair(*users)
    await asyncio.gather(*(sender.publish(user_id, b"1") for user_id in users * 10))
    for _ in range(200):
        assert (await inbox.message())[1] == 1
    assert "dropped" in await slow_inbox.gap()
    assert slow_inbox.gaps.empty()
    assert slow.status() is None
    assert slow.figures().dropped > 0


async def test_the_server_sends_a_node_nothing_of_other_users(nats_engine: Any, pipe: Any) -> None:
    """Counted where it matters: what passes the wire."""
    pipe.target = nats_engine.port
    sender, _ = await nats_engine.node()
    bus, inbox = await nats_engine.node("u1", url=f"nats://127.0.0.1:{pipe.port}")
    for _ in range(100):
        await sender.publish("u2", b'"somebody else\'s"')
    await sender.publish("u1", b'"mine"')
    assert await inbox.message() == ("u1", "mine")
    assert b"mine" in pipe.passed
    assert b"somebody" not in pipe.passed
    assert bus.figures().elsewhere == 0


async def test_each_foreign_write_goes_to_one_node_whoever_subscribes_to_its_user(nats_engine: Any) -> None:
    foreign = {"type": "watchlist_update", "content_id": "c"}
    publisher, _ = await nats_engine.node()
    nodes = [await nats_engine.node("u0", takes_foreign=True) for _ in range(3)]
    for number in range(60):
        await publisher.publish(f"u{number % 3}", msgspec.json.encode({**foreign, "n": number}))
    await publisher.publish("u0", b'{"type":"head_moved","revision":1,"origin":"x"}')
    for _, inbox in nodes:  # who subscribes to the user gets it as every message, and leaves it to the one
        while (await inbox.message())[1]["type"] != "head_moved":
            pass
    taken = [inbox.foreign.get_nowait()[1]["n"] for _, inbox in nodes for _ in range(inbox.foreign.qsize())]
    assert sorted(taken) == list(range(60))
    assert sum(bus.figures().elsewhere for bus, _ in nodes) == 1


async def test_a_node_that_takes_no_foreign_writes_is_in_no_group(nats_engine: Any) -> None:
    publisher, _ = await nats_engine.node()
    _, inbox = await nats_engine.node("u2")
    await publisher.publish("u1", b'{"type":"watchlist_update"}')
    await publisher.publish("u2", b"2")
    assert await inbox.message() == ("u2", 2)
    assert inbox.messages.empty()


async def test_a_node_with_many_users_is_back_with_all_of_them(nats_engine: Any, until: Until) -> None:
    users = [f"u{number}" for number in range(3 * AT_ONCE + 1)]
    sender, sender_inbox = await nats_engine.node()
    bus, inbox = await nats_engine.node(*users)
    await nats_engine.stop()
    await until(lambda: None not in (sender.status(), bus.status()))
    await nats_engine.resume()
    await sender_inbox.gap()
    await inbox.gap()
    await asyncio.gather(*(sender.publish(user_id, b"1") for user_id in users))
    assert sorted([await inbox.message() for _ in users]) == sorted((user_id, 1) for user_id in users)


async def test_users_who_come_at_once_are_all_subscribed_however_many_they_are(nats_engine: Any) -> None:
    bus, inbox = await nats_engine.node()
    users = {f"u{number}" for number in range(2 * AT_ONCE)}
    for user_id in users:
        bus.subscribe(user_id)
    subscribed: set[str] = set()
    async with asyncio.timeout(TIMEOUT_S):
        while subscribed != users:
            subscribed.update(await inbox.subscribed.get())


class HesitantServer:
    """Says little more than NATS must, and from ``hesitate`` on answers each ping when it is told to."""

    def __init__(self) -> None:
        self.pings: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._hesitates = False

    def hesitate(self) -> None:
        self._hesitates = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"s","version":"2.10.0","proto":1,"max_payload":1048576}\r\n')
        async for line in reader:
            if line == b"PING\r\n":
                if self._hesitates:
                    self.pings.put_nowait(writer)
                else:
                    writer.write(b"PONG\r\n")
        writer.close()


async def test_a_publish_during_a_round_trip_is_confirmed_by_the_next_one(nats_engine: Any) -> None:
    hesitant = HesitantServer()
    server = await asyncio.start_server(hesitant.serve, "127.0.0.1", 0)
    url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, asyncio.timeout(TIMEOUT_S):
        bus, _ = await nats_engine.node(url=url, is_deaf=True, request_timeout_s=TIMEOUT_S)
        hesitant.hesitate()
        first = asyncio.create_task(bus.publish("u1", b"1"))
        (await hesitant.pings.get()).write(b"PONG\r\n")
        second_ping = await hesitant.pings.get()
        later = asyncio.create_task(bus.publish("u1", b"2"))
        await asyncio.sleep(0)
        second_ping.write(b"PONG\r\n")
        await first
        (await hesitant.pings.get()).close()  # with what was published meanwhile
        with pytest.raises(BusUnavailable, match="did not confirm"):
            await later
        await bus.close()


async def test_a_user_is_not_said_to_be_subscribed_before_the_server_knows(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    sender, _ = await nats_engine.node()
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=TIMEOUT_S)
    pipe.is_open.clear()
    bus.subscribe("u1")
    for number in range(5):  # each a round trip
        await sender.publish("u1", b"%d" % number)
    assert (inbox.subscribed.empty(), inbox.messages.empty()) == (True, True)
    pipe.is_open.set()
    async with asyncio.timeout(TIMEOUT_S):
        assert await inbox.subscribed.get() == ("u1",)
    await sender.publish("u1", b"5")
    assert await inbox.message() == ("u1", 5)


async def test_nothing_is_missed_between_a_users_coming_and_on_subscribed(nats_engine: Any) -> None:
    sender, _ = await nats_engine.node()
    bus, inbox = await nats_engine.node()
    await assert_nothing_is_missed(sender, bus, inbox, times=20)


async def test_nothing_is_missed_in_a_cluster_either_whose_servers_tell_each_other_later(nats_engine: Any) -> None:
    first, second = (f"nats://127.0.0.1:{free_port()}" for _ in range(2))
    await nats_engine.stop()
    await nats_engine.resume("--cluster_name", "c", "--cluster", first)
    other_engine = NatsEngine("--cluster_name", "c", "--cluster", second, "--routes", first)
    await other_engine.resume()
    try:
        sender, _ = await other_engine.node()
        bus, inbox = await nats_engine.node()
        await assert_nothing_is_missed(sender, bus, inbox, times=3)
    finally:
        await other_engine.close()


async def assert_nothing_is_missed(sender: Bus, bus: Bus, inbox: Inbox, times: int) -> None:
    """Who reads the journal after ``on_subscribed`` finds what was committed before it; what comes later arrives."""
    committed = 0

    async def publish_for_ever() -> None:
        nonlocal committed
        while True:
            committed += 1
            await sender.publish("u1", b"%d" % committed)

    async def subscribed(user_id: str) -> None:
        bus.subscribe(user_id)
        async with asyncio.timeout(TIMEOUT_S):
            assert await inbox.subscribed.get() == (user_id,)

    publishing = asyncio.create_task(publish_for_ever())
    try:
        for _ in range(times):
            await subscribed("u1")
            head = committed
            arrived = [(await inbox.message())[1] for _ in range(5)]
            assert arrived == list(range(arrived[0], arrived[0] + 5))
            assert arrived[0] <= head + 1
            bus.unsubscribe("u1")
            await subscribed("u2")  # told behind it, and confirmed: nothing of u1 is on its way any more
            bus.unsubscribe("u2")
            while not inbox.messages.empty():
                inbox.messages.get_nowait()
    finally:
        publishing.cancel()
