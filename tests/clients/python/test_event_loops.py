"""A client and event loops that come one after the other, as under a test runner or in a notebook."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import syncd_client
from syncd_client import Client, SqliteStore

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


SCRIPT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from syncd_client import Client

async def ask():
    client.sign_in("alice", asyncio.Event().wait)
    await asyncio.sleep(0)

client = Client("http://127.0.0.1:1")
loop = asyncio.new_event_loop()
loop.run_until_complete(ask())
loop.close()  # with the callback still waiting
asyncio.run(client.close())
print("closed")
"""


@pytest.mark.integration
def test_what_an_event_loop_has_left_behind_is_not_waited_for() -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(CLIENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout) == (0, "closed\n")
