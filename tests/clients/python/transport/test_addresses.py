"""Of the service's addresses, the first one to answer is used."""

import asyncio
import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from syncd_client import Client, State
from syncd_client.transport.addresses import _in_turn, connected
from websockets.asyncio.server import ServerConnection, serve

from tests.timeouts import TIMEOUT_S

elsewhere_one_address = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only address of its kind"
)

DEAD, LIVE = "127.0.0.2", "127.0.0.1"


class TwoAddresses(asyncio.SelectorEventLoop):
    """Finds two addresses of ``two.example``, the dead one first."""

    async def getaddrinfo(self, host: Any, port: Any, **named: Any) -> Any:
        if host != "two.example":
            return await super().getaddrinfo(host, port, **named)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in (DEAD, LIVE)]


@contextmanager
def answering_nothing(port: int) -> Iterator[None]:
    """Let what is sent to an address be dropped, as on a path that leads nowhere: its queue of connections is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((DEAD, port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((DEAD, port))
        yield


async def answer(connection: ServerConnection) -> None:
    await connection.send('{"type":"resumed","recovered":true,"revision":0,"epoch":"e"}')
    await connection.wait_closed()


@elsewhere_one_address
def test_an_address_that_leads_nowhere_keeps_nobody_from_the_next_one() -> None:
    """So is IPv6 in many networks, and a machine that is gone among several of a service."""

    async def connect() -> None:
        async with serve(answer, LIVE, 0) as server, asyncio.timeout(TIMEOUT_S):
            port = server.sockets[0].getsockname()[1]
            with answering_nothing(port):
                async with Client(f"http://two.example:{port}") as client:
                    client.sign_in("alice", lambda: "a-token")
                    await client.wait_until(lambda: client.state is State.LIVE)

    with asyncio.Runner(loop_factory=TwoAddresses) as runner:
        runner.run(connect())


async def test_what_is_refused_is_told_with_the_reason_of_each_address() -> None:
    with pytest.raises(ConnectionRefusedError):
        await connected(LIVE, 1)
    asyncio.get_running_loop().getaddrinfo = lambda *_, **__: answered([])  # type: ignore[method-assign]
    with pytest.raises(OSError, match="the host has no address"):
        await connected("two.example", 1)


async def answered(found: Any) -> Any:
    return found


@elsewhere_one_address
def test_an_address_that_refuses_is_left_for_the_next_one_and_no_socket_stays_open() -> None:
    async def connect() -> None:
        with socket.create_server((LIVE, 0)) as listener:
            found = await connected("two.example", listener.getsockname()[1])
            assert found.getpeername() == listener.getsockname()
            found.close()
        with pytest.raises(OSError, match=f"'{DEAD}', 1.*; .*'{LIVE}', 1"):
            await connected("two.example", 1)

    with asyncio.Runner(loop_factory=TwoAddresses) as runner:
        runner.run(connect())


@elsewhere_one_address
@pytest.mark.parametrize("turns", range(8))
def test_who_waits_no_longer_leaves_no_socket_open(turns: int) -> None:
    """One that was left open would be a ResourceWarning, and any warning fails a test."""

    async def connect() -> None:
        with socket.create_server((LIVE, 0)) as listener:
            port = listener.getsockname()[1]
            with answering_nothing(port):
                for host in (LIVE, "two.example"):
                    connecting = asyncio.create_task(connected(host, port))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    if not connecting.cancel():
                        connecting.result().close()
                    await asyncio.wait([connecting])
                    if not connecting.cancelled():
                        connecting.result().close()

    with asyncio.Runner(loop_factory=TwoAddresses) as runner:
        runner.run(connect())
    gc.collect()


def test_families_are_tried_by_turns() -> None:
    six, four = (socket.AF_INET6, "a"), (socket.AF_INET, "b")
    assert _in_turn([six, six, six, four]) == [six, four, six, six]
    assert _in_turn([four, six]) == [four, six]
