"""The listening socket: HTTP and WebSocket on one port, from bind to drain."""

import asyncio
import math
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import uvicorn
from pykka import ActorDeadError

from actors.admission import Admission, PaceableSocket, Surroundings
from actors.connection_messages import ConnectionMessage
from actors.journal_messages import Tell
from actors.sync_websocket import SyncWebSocket
from syncd import __version__
from syncd.node import Node
from syncd.settings import Settings, SettingsError
from transport.authentication import Authenticator
from transport.device_codec import encode
from transport.device_protocol import DeviceProtocol, Gate
from transport.http_api import Service, http_api
from transport.http_protocol import HttpProtocol, RequestLimits

BACKLOG = 2048


@asynccontextmanager
async def serving(
    settings: Settings, node: Node, authenticator: Authenticator, listener: socket.socket
) -> AsyncIterator[str]:
    """Serve HTTP and devices on ``listener`` for the length of the context; its value is the base URL.

    On leaving, nothing new is accepted, devices are told goodbye, and requests under way are finished, all within
    ``shutdown_timeout``.
    """
    service = Service(
        name="syncd",
        version=__version__,
        authenticator=authenticator,
        write=node.tell_watchlist,
        journal=node.journal.tell,
        bus_status=node.bus.status,
        prometheus=node.figures.prometheus,
        figures=node.figures.documented,
    )
    config = uvicorn.Config(
        http_api(service),
        http=partial(HttpProtocol, RequestLimits()),  # type: ignore[arg-type]  # it is only called
        ws=partial(DeviceProtocol, _gate(settings, node, authenticator)),  # type: ignore[arg-type] # it is only called
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
    )
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield _url(listener)
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[listener])


def _gate(settings: Settings, node: Node, authenticator: Authenticator) -> Gate:
    surroundings = Surroundings(
        tell_watchlist=node.tell_watchlist,
        frame=encode,
        now_s=asyncio.get_running_loop().time,
        heartbeat_interval_s=settings.heartbeat_interval,
        heartbeat_timeout_s=settings.heartbeat_timeout,
    )

    def spawn(device_socket: PaceableSocket, admission: Admission) -> Tell[ConnectionMessage]:
        ref = SyncWebSocket.start(device_socket, admission, surroundings)

        def tell(message: ConnectionMessage) -> None:
            try:
                ref.tell(message)
            except ActorDeadError:  # it failed and has closed the socket; what still arrives is of no use
                return

        return tell

    return Gate(
        authenticator=authenticator,
        spawn=spawn,
        allowed_origins=frozenset(origin.lower() for origin in settings.allowed_origins),
        drain_spread_ms=round(settings.shutdown_timeout * 500),
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon, which has more to stop than a server."""
        yield


def bind(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say.

    Raises:
        SettingsError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"--host {settings.host} --port {settings.port}: {error.strerror or error}") from None
    listener.listen(BACKLOG)
    return listener


def raise_file_limit() -> None:
    """Allow as many connections as the system does: the soft limit on open files is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
