"""One node of the simulated service: the daemon's own wiring, with virtual clocks, and its outside simulated."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from typing import Any, Final

from uvicorn.server import ServerState

from actors.errors import StoreUnavailable
from actors.messages.content_ids import ContentIdKind
from actors.messages.deployment import TakePart
from simulation.clock.event_log import EventLog
from simulation.clock.loop import SimulatedLoop
from simulation.clock.node_loop import NodeLoop
from simulation.clock.wall_clock import WallClock
from simulation.outside.bus import Hub, SimulatedBus
from simulation.outside.database import SimulatedDatabase
from simulation.outside.network import Connection, Delay
from simulation.outside.store import SimulatedStore
from simulation.shape import Fault
from simulation.tokens import simulated_authenticator
from syncd.deps import admin_deps, api_deps, device_deps, stream_deps
from syncd.local_commands import LocalCommands
from syncd.node import Node, running_node
from syncd.outside import Outside
from syncd.revocations import RevokedTokenIds, watching_revocations
from syncd.server import disconnect_revoked, server_config
from syncd.settings import Settings
from transport.access.authentication import Authenticator
from transport.access.origins import AllowedOrigins
from transport.http.api import http_api
from transport.http.exchange.app import Routes
from transport.http.routes.admin import admin_routes
from transport.http.streams.stream_route import stream_routes
from transport.loop.time_sliced_queue import TimeSlicedQueue, use_time_sliced_queue

RESTART_S: Final = 1.0
"""Between a start that failed and the next."""
BOOT_S: Final = 1.0
"""Until the process of a node that is started does anything, at most: what goes wrong may find it starting."""
PROBE_S: Final = 20.0
"""Between two probes of the journal: in a world most of them happen while it is calm, and cost half its time."""
LOOK_S: Final = 10.0
"""Between two looks for revoked tokens that others have not told of: for the same reason."""
NEVER_S: Final = 1e6
"""A virtual loop is never late."""
SWEEP_UP_S: Final = 1.0
"""For a dead node's connections to notice that they are gone, before its other actors are stopped."""
IMPATIENT_S: Final = 5.0, 15.0
"""Between pings, and until a device counts as silent, where it matters who gives up first: devices wait for a node for
40 to 60 s, and a node must be able to wait less, and to be paused for longer than it waits."""
DRAIN_S: Final = 12.0
"""For devices to say goodbye, before what is left is cut."""


class _Connections(dict[Any, None]):
    """uvicorn's set of connections, in the order they came: a set's order is another one in each process."""

    def add(self, connection: Any) -> None:
        """Add ``connection``."""
        self[connection] = None

    def discard(self, connection: Any) -> None:
        """Remove it, if it is there."""
        self.pop(connection, None)


class NodeDeps:
    """What all nodes of a world are wired with."""

    def __init__(
        self,
        loop: SimulatedLoop,
        rng: Random,
        log: EventLog,
        hub: Hub,
        database: SimulatedDatabase,
        store_delay: Delay,
        faults: frozenset[str],
        slice_rows: int,
        content_ids: ContentIdKind,
    ) -> None:
        self.loop = loop
        self.rng = rng
        self.log = log
        self.hub = hub
        self.database = database
        self.store_delay = store_delay
        self.slice_rows = slice_rows
        self.has_operator = bool(faults & {Fault.OPERATOR_DISCONNECTS, Fault.TOKENS_ARE_REVOKED})
        """Only then nodes talk to each other, and look for revocations now and then, which costs."""
        self.has_streams = Fault.UPGRADES_ARE_REFUSED in faults
        """Only then networks let anybody ask for one."""
        self._can_pause = Fault.NODE_PAUSES in faults
        usual = Settings()
        is_patient = not faults & {Fault.NODE_PAUSES, Fault.LINK_TAKES_NOTHING}
        patience_s = (usual.heartbeat_interval, usual.heartbeat_timeout) if is_patient else IMPATIENT_S
        self.settings = Settings(
            bus="nats://simulated",
            bus_key="the nodes' key, 32 characters long",
            bus_foreign=Fault.FOREIGNERS_PUBLISH in faults,
            nats_retry=2.0,
            heartbeat_interval=patience_s[0],
            heartbeat_timeout=patience_s[1],
            content_ids=content_ids,
        )

    def new_loop(self) -> SimulatedLoop:
        """Return where a node runs: a loop of its own, if it has to be held for a while."""
        loop = NodeLoop(self.loop) if self._can_pause else self.loop
        use_time_sliced_queue(TimeSlicedQueue(loop, loop.time), loop)
        return loop


class SimulatedNode:
    """A place where a node runs, dies, and is started again: each time a new one, under a new name.

    Args:
        place: how the log names it.
        clock: its wall clock.
        failed: told what must not happen.
    """

    def __init__(self, deps: NodeDeps, place: str, clock: WallClock, failed: Callable[[str], None]) -> None:
        self.place = place
        self.clock = clock
        self.loop = deps.new_loop()
        self._deps = deps
        self._failed = failed
        self.was_paused = False
        """Whether it ever was."""
        self._lives: list[asyncio.Task[None]] = []
        self._life: _Life | None = None
        self._draining: asyncio.Task[None] | None = None

    @property
    def node(self) -> Node | None:
        """The running node; ``None``: there is none that accepts anything."""
        return self._life.node if self._life is not None else None

    @property
    def store(self) -> SimulatedStore | None:
        """Its way to the database."""
        return self._life.store if self._life is not None else None

    @property
    def state(self) -> str:
        """Return what it does: it ``starts``, ``runs``, ``drains``, is ``paused`` or ``down``."""
        if isinstance(self.loop, NodeLoop) and self.loop.is_paused:
            return "paused"
        if self._life is None:
            return "drains" if self._draining is not None and not self._draining.done() else "down"
        return "starts" if self._life.node is None else "runs"

    def start(self) -> None:
        """Begin a life, unless one is under way, or none may be."""
        if self._life is None and not self._deps.database.is_being_restored:
            self._life = _Life(self, self._deps, self._failed)
            self._lives.append(self.loop.create_task(self._live(self._life)))

    def crash(self) -> None:
        """End the life as ``kill -9`` does."""
        life, self._life = self._life, None
        if life is not None:
            self._deps.log.note(self.place, "crashes")
            life.crash()
            self.resume()

    def drain(self) -> None:
        """End the life as SIGTERM does."""
        life, self._life = self._life, None
        if life is not None:
            self._deps.log.note(self.place, "drains")
            self._draining = self._lives[-1]
            life.end.set()

    def pause(self) -> None:
        """Let nothing of it run, as SIGSTOP does."""
        if isinstance(self.loop, NodeLoop) and self._life is not None:
            self._deps.log.note(self.place, "is paused")
            self.was_paused = True
            self.loop.pause()

    def resume(self) -> None:
        """Let it go on, as SIGCONT does; what a stopped process is killed with, does so, too."""
        if isinstance(self.loop, NodeLoop) and self.loop.is_paused:
            self._deps.log.note(self.place, "goes on")
            self.loop.resume()

    async def gone(self) -> None:
        """Return when nothing is left of all lives."""
        if self._lives:
            await asyncio.wait(self._lives)

    @property
    def lives(self) -> int:
        """How often it was started."""
        return len(self._lives)

    def accept(self) -> asyncio.Protocol | None:
        """Return the protocol of a new connection; ``None``: nobody listens."""
        return None if self._life is None else self._life.accept()

    def made(self, connection: Connection) -> None:
        """Know a connection, so that it can die with the node."""
        if self._life is not None:
            self._life.ends.append(connection)

    async def _live(self, life: "_Life") -> None:
        try:
            await life.run()
        except StoreUnavailable:  # in its start: whoever runs it starts it again
            self._deps.log.note(self.place, "finds no database")
            await asyncio.sleep(RESTART_S)
        except Exception as error:  # noqa: BLE001 - the world's to judge
            if not life.is_crashed:
                self._failed(f"{self.place} ended: {error!r}")
            return
        if self._life is life:
            self._life = None
            self.start()


class _Life:
    """From one start of a node to its end."""

    def __init__(self, home: SimulatedNode, deps: NodeDeps, failed: Callable[[str], None]) -> None:
        self._home = home
        self._deps = deps
        self._failed = failed
        self.end = asyncio.Event()
        self.is_crashed = False
        self.ends: list[Connection] = []
        self.node: Node | None = None
        self.bus: SimulatedBus = deps.hub.bus(home.loop)
        self.store = SimulatedStore(home.loop, deps.database, deps.store_delay, deps.log, home.place)
        self._server_state = ServerState()
        self._server_state.connections = _Connections()  # type: ignore[assignment]  # as a set in all that is used
        self._make: Callable[[], Any] | None = None

    def accept(self) -> asyncio.Protocol | None:
        """Return the protocol of a new connection, if it listens."""
        return None if self._make is None else self._make()

    def crash(self) -> None:
        """Reach nobody any more, and sweep up what is left of the actors."""
        self.is_crashed = True
        self._make = None
        self.store.sever()
        self.bus.sever()
        for connection in self.ends:
            connection.server.silence()
            connection.server.lose(ConnectionResetError("the node has crashed"))
            self._deps.loop.call_later(
                self._deps.hub.delay(), connection.client.lose, ConnectionResetError("the node has crashed")
            )
        self.end.set()

    async def run(self) -> None:
        """Be a node until ``end``."""
        deps, home = self._deps, self._home
        rng = deps.rng
        await asyncio.sleep(rng.uniform(0, BOOT_S))
        outside = Outside(
            now_s=deps.loop.time,
            wall_ns=lambda: int(home.clock.now_s() * 1e9),
            random=rng.random,
            new_name=lambda: f"{rng.getrandbits(32):08x}",
            open_store=self._open_store,
            lag_s=NEVER_S,
            probe_s=PROBE_S,
            slice_rows=deps.slice_rows,
        )
        revoked: RevokedTokenIds = {}
        async with (
            running_node(deps.settings, self.bus, self._give_up, outside=outside) as node,
            AsyncExitStack() as stack,
        ):
            authenticator = simulated_authenticator(revoked, home.clock.now_s)
            routes = await self._obey(node, authenticator, revoked, stack) if deps.has_operator else {}
            devices = device_deps(deps.settings, node, authenticator, AllowedOrigins())
            api = api_deps(node, authenticator, devices.allowed_origins, devices.path_prefix, devices.content_ids)
            if deps.has_streams:
                streams = stream_routes(stream_deps(deps.settings, node, devices), node.metrics.streams)
                routes = {**routes, **streams}
            config = server_config(deps.settings, http_api(api, routes), devices)
            self._make = lambda: config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self._server_state, app_state={}
            )
            self.node = node
            deps.log.note(home.place, f"runs as {node.name}")
            await self.end.wait()
            self._make = None
            self.node = None
            await (asyncio.sleep(SWEEP_UP_S) if self.is_crashed else self._drain())
        deps.log.note(home.place, f"{node.name} is gone")

    async def _obey(
        self, node: Node, authenticator: Authenticator, revoked: RevokedTokenIds, stack: AsyncExitStack
    ) -> Routes:
        """Take part in what operators want of all nodes, and return the API by which they say it."""
        disconnect = partial(disconnect_revoked, self._server_state.connections)
        watching = watching_revocations(node.store, revoked, disconnect, LOOK_S)
        revocations = await stack.enter_async_context(watching)
        node.deployment.tell(TakePart(LocalCommands(node.registry, revocations.refresh, node.stats).act))
        return admin_routes(admin_deps(node, authenticator, revocations))

    def _open_store(self, _settings: Settings, _restarts: Counter[str]) -> SimulatedStore:
        return self.store

    def _give_up(self, reason: str) -> None:
        self._failed(f"{self._home.place} gives up: {reason}")

    async def _drain(self) -> None:
        """Say goodbye, as uvicorn's server does when it stops."""
        connections = self._server_state.connections
        for connection in list(connections):
            connection.shutdown()
        until_s = self._deps.loop.time() + DRAIN_S
        while (connections or self._server_state.tasks) and self._deps.loop.time() < until_s:  # noqa: ASYNC110 - uvicorn's
            await asyncio.sleep(0.1)
        for end in self.ends:
            end.server.abort()
