import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.errors import BusUnavailable
from tests.timeouts import TIMEOUT_S

Until = Callable[[Callable[[], bool]], Awaitable[None]]


def with_arguments(*arguments: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("nats_engine", [arguments], indirect=True, ids=[""])


async def test_a_payload_arrives_byte_by_byte(nats_engine: Any) -> None:
    bus = nats_engine.new_bus()
    nats_engine.buses.append(bus)
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    subscribed = asyncio.Event()
    await bus.start(lambda user_id, payload: arrived.put_nowait(payload), lambda reason: subscribed.set())
    async with asyncio.timeout(TIMEOUT_S):
        await subscribed.wait()
        await bus.publish("u1", b'{ "spaces" : 1 }')
        assert await arrived.get() == b'{ "spaces" : 1 }'


@with_arguments("--user", "us:er", "--pass", "p@ss/word")
async def test_a_user_and_password_of_the_address_are_decoded_and_used(nats_engine: Any) -> None:
    bus, inbox = await nats_engine.node(url=f"nats://us%3Aer:p%40ss%2Fword@127.0.0.1:{nats_engine.port}")
    await bus.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


@with_arguments("--auth", "t0ken+")
async def test_a_token_of_the_address_is_used(nats_engine: Any) -> None:
    bus, inbox = await nats_engine.node(url=f"nats://t0ken%2B@127.0.0.1:{nats_engine.port}")
    await bus.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


@with_arguments("--auth", "t0ken")
async def test_a_wrong_token_is_called_what_it_is(nats_engine: Any, until: Until) -> None:
    bus, _ = await nats_engine.node(is_up=False, url=f"nats://wrong@127.0.0.1:{nats_engine.port}")
    await until(lambda: "Authorization Violation" in (bus.status() or ""))
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await bus.publish("u1", b"1")


async def test_another_server_of_the_cluster_takes_over(nats_engine: Any) -> None:
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:1,{nats_engine.url}")
    await bus.publish("u1", b"1")
    assert await inbox.message() == ("u1", 1)


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


async def test_a_server_that_falls_silent_is_found_by_the_next_publish(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=0.2)
    pipe.freeze()
    with pytest.raises(BusUnavailable, match="did not confirm"):
        await bus.publish("u1", b"1")
    await inbox.gap()
    await bus.publish("u1", b"2")
    assert await inbox.message() == ("u1", 2)
    assert bus.reconnects == 1


async def test_a_server_that_stops_reading_holds_nobody_up(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    bus, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", request_timeout_s=0.5)
    pipe.freeze()
    publishes = (bus.publish("u1", b"x" * 1_000_000) for _ in range(20))  # more than the sockets' buffers hold
    for outcome in await asyncio.gather(*publishes, return_exceptions=True):
        assert isinstance(outcome, BusUnavailable)
    await inbox.gap()
    await bus.publish("u1", b"2")
    assert await inbox.message() == ("u1", 2)


async def test_a_server_that_falls_silent_is_found_by_pings(nats_engine: Any, pipe: Any) -> None:
    pipe.target = nats_engine.port
    _, inbox = await nats_engine.node(url=f"nats://127.0.0.1:{pipe.port}", ping_interval_s=0.05)
    pipe.freeze()
    assert "stale" in await inbox.gap()


async def test_publishes_that_are_cancelled_leave_the_connection_as_it_is(nats_engine: Any) -> None:
    bus, inbox = await nats_engine.node()
    for _ in range(20):
        publish = asyncio.create_task(bus.publish("u1", b"1"))
        await asyncio.sleep(0)
        publish.cancel()
    await bus.publish("u2", b"2")
    while await inbox.message() != ("u2", 2):
        pass
    await bus.publish("u3", b"3")
    assert await inbox.message() == ("u3", 3)
    assert bus.reconnects == 0


async def test_a_subscriber_that_raises_misses_one_message_and_gets_the_next(
    nats_engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus, inbox = await nats_engine.node()

    def fussy(user_id: str, payload: bytes) -> None:
        if payload == b"1":
            raise RuntimeError("not this one")
        inbox.on_message(user_id, payload)

    await bus.start(fussy, inbox.on_gap)
    await bus.publish("u1", b"1")
    await bus.publish("u1", b"2")
    assert await inbox.message() == ("u1", 2)
    assert "a message on the bus was skipped" in caplog.text


async def test_messages_dropped_because_they_came_too_fast_are_one_gap(nats_engine: Any) -> None:
    slow, slow_inbox = await nats_engine.node(max_waiting=2)
    bus, inbox = await nats_engine.node()
    await asyncio.gather(*(bus.publish("u1", b"1") for _ in range(200)))
    for _ in range(200):
        assert await inbox.message() == ("u1", 1)
    assert "dropped" in await slow_inbox.gap()
    assert slow_inbox.gaps.empty()
    assert slow.status() is None
