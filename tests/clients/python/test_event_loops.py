"""A client and event loops that come one after the other, as under a test runner or in a notebook."""

import asyncio
import base64
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import syncd_client
from syncd_client import Client, Disconnected, SqliteStore, State

from tests.timeouts import TIMEOUT_S

A, B = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "ab")
NOBODY = "http://127.0.0.1:1"
CLIENTS = Path(syncd_client.__file__).parents[1]


async def _go_on(client: Client) -> tuple[str, int]:
    """Close ``client`` on this event loop, open it again, and add another content."""
    await client.close()
    client.sign_in("alice", lambda: "a-token")
    kept = await client.add(B)
    await client.close()
    return kept, len(client.items)


def test_a_client_whose_event_loop_has_ended_is_closed_on_another_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    client = Client(NOBODY, SqliteStore(path))

    async def add(content_id: str) -> str:
        client.sign_in("alice", lambda: "a-token")
        return await client.add(content_id)

    async def close() -> None:
        with pytest.raises(RuntimeError, match=r"^add: the event loop has ended .*: await close\(\) on this one"):
            client.add(B)
        await client.close()

    async def go_on() -> tuple[str, int]:
        kept = await add(B)
        await client.close()
        return kept, len(client.items)

    assert asyncio.run(add(A)) == "persistent"
    asyncio.run(close())
    assert asyncio.run(go_on()) == ("persistent", 2)


def test_a_client_whose_event_loop_ends_while_it_is_closed_is_closed_on_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:  # takes connections and answers nothing
        client = Client(f"http://127.0.0.1:{nobody.getsockname()[1]}", SqliteStore(tmp_path / "client.db"))

        async def begin_to_close() -> None:
            client.sign_in("alice", lambda: "a-token")
            await client.add(A)
            await client.wait_until(lambda: client.state is State.OPENING)
            closing = asyncio.create_task(client.close())
            await asyncio.sleep(0)
            assert not closing.done()  # asyncio.run cancels it

        asyncio.run(begin_to_close())
        assert asyncio.run(_go_on(client)) == ("persistent", 2)


def test_a_client_whose_event_loop_has_ended_with_its_thread_leaves_its_file(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    client = Client(NOBODY, SqliteStore(path))

    async def add() -> str:
        client.sign_in("alice", lambda: "a-token")
        return await client.add(A)

    thread = threading.Thread(target=lambda: asyncio.run(add()))
    thread.start()
    thread.join()
    assert asyncio.run(_go_on(client)) == ("persistent", 2)
    store = SqliteStore(path)
    assert store.load("alice") is not None  # nobody has it
    store.close()


def test_a_store_that_a_client_has_left_with_its_event_loop_serves_the_next_one(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "client.db")
    clients: list[Client] = []

    async def add(content_id: str) -> str:
        clients.append(Client(NOBODY, store))
        clients[-1].sign_in("alice", lambda: "a-token")
        return await clients[-1].add(content_id)

    assert [asyncio.run(add(A)), asyncio.run(add(B))] == ["persistent", "persistent"]
    assert len(clients[1].items) == 2
    for client in clients:
        asyncio.run(client.close())


class QtsTimers(asyncio.SelectorEventLoop):
    """Has timers as qasync has: milliseconds that must fit into 31 bits."""

    def call_later(self, delay: float, *arguments: Any, **named: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        if int(delay * 1000) >= 2**31:
            raise OverflowError(f"{delay} s")
        return super().call_later(delay, *arguments, **named)


def test_a_token_that_is_good_for_a_year_is_used_where_no_timer_is_so_long() -> None:
    payload = msgspec.json.encode({"sub": "alice", "exp": time.time() + 365 * 86_400})
    token = f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"
    reasons: list[str] = []

    async def connect() -> None:
        async with Client(NOBODY) as client, asyncio.timeout(TIMEOUT_S):
            client.subscribe(lambda event: reasons.append(event.reason) if isinstance(event, Disconnected) else None)
            client.sign_in("alice", lambda: token)
            await client.wait_until(lambda: bool(reasons))

    with asyncio.Runner(loop_factory=QtsTimers) as runner:
        runner.run(connect())
    assert "Connect call failed" in reasons[0]


SCRIPT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from syncd_client import Client

async def ask():
    client.sign_in("alice", asyncio.Event().wait)
    await asyncio.sleep(0)

async def begin_to_close():
    await ask()
    asyncio.create_task(client.close())
    await asyncio.sleep(0)

client = Client("http://127.0.0.1:1")
loop = asyncio.new_event_loop()
loop.run_until_complete({last}())
loop.close()  # with the callback still waiting
asyncio.run(client.close())
print("closed")
"""


@pytest.mark.integration
@pytest.mark.parametrize("last", ["ask", "begin_to_close"])
def test_what_an_event_loop_has_left_behind_is_not_waited_for(last: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT.format(last=last), str(CLIENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout) == (0, "closed\n")
