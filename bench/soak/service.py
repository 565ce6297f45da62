"""What is under load: nodes on one PostgreSQL (a node alone: on SQLite), their bus, and one port before them."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
from msgspec import Struct, json
from prometheus_client.parser import text_string_to_metric_families

from bench.front import Front
from bench.soak.ledger import SECRET, Ledger
from syncd.cluster import Child, LocalPostgreSQL, local_postgresql

EXPECTED_ERRORS: Final = ("the journal cannot be written", "the journal cannot be read")
"""What a node may log as an error while its database is gone."""
BELOW_EPHEMERAL: Final = range(20_000, 30_000)
"""Ports that no connection begins at: the broker's must be free again after each kill."""


class Process:
    """A node or the broker: ended and started again, maybe at another port."""

    def __init__(self, ledger: Ledger, log: Path, announces: str, *arguments: str) -> None:
        self._ledger, self._arguments = ledger, arguments
        self._announces, self.log = announces, log
        self._child: Child
        self._watching: asyncio.Task[None]
        self.is_up = False
        self.pid = 0
        self.port = 0

    async def start(self) -> None:
        """Return when it listens. Raises: ClusterError."""
        environment = {"SYNCD_JWT_SECRET": SECRET, "SYNCD_LOG_LEVEL": "warning", "SYNCD_LOG_FORMAT": "json"}
        self._child = await Child.start(
            *self._arguments, log=self.log, announces=self._announces, environment=environment
        )
        self.pid, self.is_up = self._child.pid, True
        with suppress(ValueError):  # the broker says more than where it listens; its port was given
            self.port = int(self._child.announcement.rpartition(":")[2])
        self._watching = asyncio.create_task(self._watch(self._child))

    async def _watch(self, child: Child) -> None:
        status = await child.ended()
        if self.is_up and child is self._child:
            self.is_up = False
            self._ledger.wrong(f"{self.log.stem} ended by itself, with {status}")

    async def terminate(self) -> None:
        """SIGTERM; it must end as it should."""
        self.is_up = False
        if (status := await self._child.terminate()) != 0:
            self._ledger.wrong(f"{self.log.stem} ended with {status} on SIGTERM")

    async def kill(self) -> None:
        """SIGKILL; idempotent."""
        self.is_up = False
        await self._child.kill()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Let it do nothing, and not know."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def wrong_lines(self) -> list[str]:
        """Return what it has logged of errors that nothing outside explains."""
        wrong = []
        for line in self.log.read_text().splitlines():
            try:
                entry = json.decode(line, type=LogEntry)
            except ValueError:  # a traceback, or a last word
                wrong.append(line)
                continue
            if entry.level in ("error", "critical") and not entry.event.startswith(EXPECTED_ERRORS):
                wrong.append(line)
        return wrong


class LogEntry(Struct):
    """A line of a node's log."""

    level: str
    event: str


class Service(Struct, frozen=True, eq=False):
    """Everything that can be broken, and the one address that devices know."""

    nodes: list[Process]
    broker: Process
    front: Front
    postgresql: LocalPostgreSQL | None

    @property
    def url(self) -> str:
        """Where devices and browsers go."""
        return f"http://127.0.0.1:{self.front.port}"

    @property
    def broker_url(self) -> str:
        """Where the bus is."""
        return f"http://127.0.0.1:{self.broker.port}"

    async def disturb_the_bus(self, **rules: Any) -> None:
        """Set the broker's fault switches; without rules it works."""
        async with aiohttp.ClientSession() as http, http.put(f"{self.broker_url}/_broker/faults", json=rules) as answer:
            answer.raise_for_status()


@asynccontextmanager
async def running_service(nodes: int, directory: Path, ledger: Ledger) -> AsyncIterator[Service]:
    """Run everything, with its data and logs in ``directory``. Raises: ClusterError."""
    async with AsyncExitStack() as stack:
        postgresql = stack.enter_context(local_postgresql(directory / "postgresql")) if nodes > 1 else None
        port = _free_port()
        broker = Process(ledger, directory / "broker.log", "faults", "broker", "--port", str(port))
        broker.port = port
        flags = ["--port", "0", "--shutdown-timeout", "5", "--pubnub-origin", f"127.0.0.1:{port}"]
        flags += ["--bus", "pubnub", "--pubnub-tls", "off", "--pubnub-retry", "0.5", "--bus-foreign", "on"]
        flags += ["--pubnub-subscribe-key", "dev", "--pubnub-publish-key", "dev"]
        flags += ["--data-dir", str(directory / "data")]
        flags += ["--database-url", postgresql.url] if postgresql else []
        running = [
            Process(ledger, directory / f"node-{number}.log", " listens on http://", "serve", *flags)
            for number in range(1, nodes + 1)
        ]
        for process in (broker, *running):
            await process.start()
            stack.push_async_callback(process.kill)
        front = await stack.enter_async_context(Front(lambda: [node.port for node in running if node.is_up]))
        yield Service(running, broker, front, postgresql)


def _free_port() -> int:
    for port in random.sample(BELOW_EPHEMERAL, 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port")


async def figures(node: Process) -> dict[str, float]:
    """Return the node's metrics, those of several series summed up. Raises: aiohttp.ClientError."""
    found: dict[str, float] = {}
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{node.port}/metrics") as response:
        text = await response.text()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Wait until ``condition`` holds; return whether it does in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not await condition():  # noqa: ASYNC110 - of other processes
                await asyncio.sleep(0.1)
            return True
    return False
