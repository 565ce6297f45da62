"""A client and event loops that come one after the other, as under a test runner or in a notebook."""

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import syncd_client
from syncd_client import Client, SqliteStore, State

from tests.timeouts import TIMEOUT_S

A, B = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "ab")
NOBODY = "http://127.0.0.1:1"
CLIENTS = Path(syncd_client.__file__).parents[1]


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

        async def go_on() -> tuple[str, int]:
            await client.close()
            client.sign_in("alice", lambda: "a-token")
            kept = await client.add(B)
            await client.close()
            return kept, len(client.items)

        asyncio.run(begin_to_close())
        assert asyncio.run(go_on()) == ("persistent", 2)


def test_a_client_whose_event_loop_has_ended_with_its_thread_leaves_its_file(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    client = Client(NOBODY, SqliteStore(path))

    async def add() -> str:
        client.sign_in("alice", lambda: "a-token")
        return await client.add(A)

    async def go_on() -> tuple[str, int]:
        await client.close()
        client.sign_in("alice", lambda: "a-token")
        kept = await client.add(B)
        await client.close()
        return kept, len(client.items)

    thread = threading.Thread(target=lambda: asyncio.run(add()))
    thread.start()
    thread.join()
    assert asyncio.run(go_on()) == ("persistent", 2)
    store = SqliteStore(path)
    assert store.load("alice") is not None  # nobody has it
    store.close()


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
