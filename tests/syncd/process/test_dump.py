"""``SIGUSR1``: what an operator reads of a daemon that is well, of an actor that is stuck, of a loop that hangs."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from msgspec import Struct
from pykka import ActorRef
from websockets.asyncio.client import ClientConnection, connect

from actors.runtime import LoopActor
from syncd.process.dump import MAX_CALLS, MAX_MAILBOXES, MAX_PLACES, Dump
from tests.daemon import ROOT, SECRET, WATCHLIST, StartDaemon, token
from tests.timeouts import TIMEOUT_S

LOOPS = ("asyncio.SelectorEventLoop", "uvloop.Loop")


class Secret(Struct, frozen=True):
    """A message that nobody else is to read."""

    text: str


class Stuck(LoopActor):
    """Waits for what never comes until it is told to."""

    def __init__(self, gate: asyncio.Event) -> None:
        super().__init__()
        self.gate = gate

    async def on_receive(self, _message: Any) -> None:
        await self.ask_somebody()

    async def ask_somebody(self) -> None:
        async with asyncio.timeout(None):
            await self.gate.wait()


@asynccontextmanager
async def stuck_actors(count: int) -> AsyncIterator[list[ActorRef[Stuck]]]:
    """Actors that have begun with their first message and have two behind it."""
    gate = asyncio.Event()
    refs = [Stuck.start(gate) for _ in range(count)]
    for ref in refs:
        for text in ("opened", "watched", "film-7"):
            ref.tell(Secret(text))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        yield refs
    finally:
        gate.set()
        await asyncio.gather(*(ref.stop(block=False) for ref in refs))


def section(text: str, begin: str) -> list[str]:
    """The lines under the heading that begins so."""
    lines = iter(text.splitlines())
    assert any(line.startswith(begin) for line in lines), text
    under = []
    for line in lines:
        if not line.startswith(" "):
            break
        under.append(line)
    return under


async def test_a_stuck_actor_is_shown_with_where_it_waits_how_long_and_what_waits_for_it() -> None:
    async with stuck_actors(1) as (ref,):
        text = Dump().text()
    assert section(text, "actors: 1") == ["       1 Stuck"]
    assert section(text, "messages that wait: 2, in 1 ") == [f"       2 {ref}: 2 Secret"]
    first, *calls = section(text, "actors in the middle of a message: 1")
    assert re.fullmatch(r"       1 Stuck, for \d+\.\d s", first)
    assert [call.strip().rpartition(":")[0].rpartition(".")[2] for call in calls[-3:]] == [
        "on_receive",
        "ask_somebody",
        "wait",
    ]
    assert calls[-2].strip().startswith(f"{__name__}.Stuck.ask_somebody:")
    for secret in ("opened", "watched", "film-7"):
        assert secret not in text


async def test_what_waits_at_the_same_place_is_one_entry_with_a_count() -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    async with stuck_actors(30), asyncio.TaskGroup() as tasks:
        for _ in range(500):
            tasks.create_task(wait())
        await asyncio.sleep(0)
        text = Dump().text()
        gate.set()
    (counted,) = [line for line in section(text, "other tasks: 501") if "<locals>.wait:" in line]
    assert counted.startswith("     500 ")
    assert len([line for line in section(text, "actors in the middle of a message: 30") if "30 Stuck" in line]) == 1


async def test_a_report_of_very_much_is_short() -> None:
    gate = asyncio.Event()
    here: dict[str, Any] = {}
    for number in range(2 * MAX_PLACES):
        exec(f"async def place_{number}(wait): await wait()", here)

    async def deep(calls: int) -> None:
        await (deep(calls - 1) if calls else gate.wait())

    async with stuck_actors(2 * MAX_MAILBOXES), asyncio.TaskGroup() as tasks:
        for number in range(2 * MAX_PLACES):
            tasks.create_task(here[f"place_{number}"](gate.wait))
        for _ in range(2):
            tasks.create_task(deep(3 * MAX_CALLS))
        await asyncio.sleep(0)
        text = Dump().text()
        gate.set()
    assert len(section(text, f"messages that wait: {4 * MAX_MAILBOXES}, ")) == MAX_MAILBOXES
    places = section(text, "other tasks")
    assert len([line for line in places if re.match(r" {1,7}\d+ ", line)]) == MAX_PLACES
    assert places[-1].endswith(f"and fewer at each of {2 * MAX_PLACES + 2 - MAX_PLACES} other places")
    assert len([line for line in places if ".deep:" in line]) == MAX_CALLS - 1  # and the event's wait


def written(log: Path, *texts: str) -> str:
    """Wait until all of ``texts`` are in ``log``, and return what it says."""
    deadline_s = monotonic() + TIMEOUT_S
    while not all(text in (said := log.read_text()) for text in texts):
        assert monotonic() < deadline_s, said
        sleep(0.02)
    return said


async def updates(*devices: ClientConnection) -> list[int]:
    """The revision of the next update at each device."""
    async with asyncio.timeout(TIMEOUT_S):
        return [json.loads(await device.recv())["revision"] for device in devices]


@pytest.mark.integration
async def test_a_daemon_reports_and_goes_on_and_keeps_secrets(start_daemon: StartDaemon) -> None:
    daemon = start_daemon("--log-format", "json")
    user, content_id = f"user-{uuid4()}", str(uuid4())
    tokens = [token(user, f"device-{uuid4()}") for _ in range(3)]

    async def add(http: aiohttp.ClientSession, content: str) -> None:
        body = {"operation": "add", "content_id": content}
        async with http.post(WATCHLIST, json=body, headers={"Authorization": f"Bearer {tokens[0]}"}) as response:
            assert response.status == 200

    async with aiohttp.ClientSession(daemon.url) as http:
        devices = [await connect(daemon.ws_url, additional_headers={"Authorization": f"Bearer {t}"}) for t in tokens]
        await add(http, content_id)
        assert await updates(*devices) == [1, 1, 1]
        daemon.process.send_signal(signal.SIGUSR1)
        said = await asyncio.to_thread(written, daemon.log, "==== end")
        await add(http, str(uuid4()))
        assert await updates(*devices) == [2, 2, 2]
        daemon.process.send_signal(signal.SIGUSR1)
        await asyncio.to_thread(written, daemon.log, said, '"messages_relayed": 2')
        for device in devices:
            await device.close()
    actors = section(said, "actors: ")
    assert "       3 SyncWebSocket" in actors
    assert {line.split()[1] for line in actors} >= {"Journal", "WatchlistSync", "ConnectionRegistry", "Supervisor"}
    (main,) = [line.split()[0] for line in section(said, "threads: ") if " MainThread" in line]
    assert f"hread {main} (most recent call first):" in said
    assert ", line " in said.partition("====")[0]
    assert any("syncd.node._sweep:" in line for line in section(said, "other tasks: "))
    assert '"connections": 3' in said
    report = "\n".join(line for line in said.splitlines() if not line.startswith('{"event"'))  # log lines name users
    for secret in (user, content_id, "device-", SECRET, *tokens):
        assert secret not in report
    assert await daemon.terminate() == 0


class HangingProcess:
    """A process whose event loop hangs in ``stuck`` until a line comes; like the daemon, it listens for the signal."""

    def __init__(self, loop: str, log: Path) -> None:
        self.log = log
        script = (
            "import asyncio, sys, uvloop\n"
            "from syncd.process.dump import Dump\n"
            "def stuck():\n"
            "    print('hangs', flush=True)\n"
            "    sys.stdin.readline()\n"
            "async def main():\n"
            "    Dump().listen()\n"
            "    stuck()\n"
            "    await asyncio.Event().wait()\n"
            f"with asyncio.Runner(loop_factory={loop}) as runner: runner.run(main())\n"
        )
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"hangs\n"

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


@pytest.fixture(params=LOOPS)
def hanging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HangingProcess]:
    hanging = HangingProcess(request.param, tmp_path / "stderr")
    yield hanging
    with hanging.process as process:
        process.kill()


@pytest.mark.integration
def test_a_loop_that_hangs_is_shown_at_once_and_the_rest_when_it_goes_on(hanging: HangingProcess) -> None:
    hanging.process.send_signal(signal.SIGUSR1)
    said = written(hanging.log, "in stuck\n", "in main\n")
    assert "====" not in said
    hanging.let_go()
    said = written(hanging.log, "==== end")
    assert "Event.wait:" in said
    assert hanging.process.poll() is None


@pytest.mark.integration
def test_a_watchdog_that_ends_a_hanging_daemon_leaves_the_stacks_behind(hanging: HangingProcess) -> None:
    hanging.process.send_signal(signal.SIGABRT)
    assert hanging.process.wait(TIMEOUT_S) == -signal.SIGABRT
    assert "in stuck\n" in written(hanging.log, "Fatal Python error: Aborted")
