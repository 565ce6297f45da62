"""The listening socket: HTTP and WebSocket on one port, from bind to drain."""

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import uvicorn
from typing_extensions import override

from actors.messages.content_ids import CONTENT_IDS
from actors.messages.deployment import TakePart
from pages.files import demo_files, operator_files
from syncd import __version__
from syncd.background import in_background
from syncd.certificate import Certificate, watching_certificate
from syncd.deps import admin_deps, api_deps, device_deps, stream_deps, trusted_proxies
from syncd.keys import development
from syncd.keys.operator_token import operator_token_help
from syncd.keys.signing import uses_kept_secret
from syncd.listening import BACKLOG, address_of
from syncd.local_commands import LocalCommands
from syncd.node import Node
from syncd.revocations import Revocations, RevokedTokenIds, watching_revocations
from syncd.settings import Settings
from transport.access.authentication import Authenticator
from transport.access.origins import AllowedOrigins
from transport.apidocs.routes import document_routes
from transport.connection.device_connection import BaseDeviceConnection, DeviceDeps
from transport.http.api import HttpApi, http_api
from transport.http.exchange.app import Routes
from transport.http.http1.request_limits import RequestLimits
from transport.http.protocol import HttpProtocol
from transport.http.routes.admin import AdminDeps, admin_routes
from transport.http.routes.device_tokens import device_token_routes
from transport.http.routes.static_files import page_routes
from transport.http.routes.token_help import token_help_routes
from transport.http.streams.stream_route import stream_routes
from transport.loop.time_sliced_queue import Storm, time_sliced_queue
from transport.websocket.device_protocol import DeviceProtocol

TLS_HANDSHAKE_TIMEOUT_S = RequestLimits().head_s


@asynccontextmanager
async def serving(
    settings: Settings,
    node: Node,
    authenticator: Authenticator,
    revoked_token_ids: RevokedTokenIds,
    *listeners: socket.socket,
    certificate: Certificate | None = None,
) -> AsyncIterator[str]:
    """Serve HTTP and devices on ``listeners`` for the length of the context; its value names where they listen.

    On leaving, nothing new is accepted, devices are told goodbye, and requests under way are finished, all within
    ``shutdown_timeout``.

    Args:
        settings: which origins and pages are served, how long to wait for what.
        node: its actors, which run already.
        authenticator: checks tokens; its keys are kept up to date here.
        revoked_token_ids: what ``authenticator`` looks into; kept up to date here.
        listeners: see ``listening``.
        certificate: with which TLS is served, except on unix sockets.

    Raises:
        StoreUnavailable: the revoked tokens cannot be read.
    """
    connections: set[Any] = set()
    async with (
        watching_revocations(node.store, revoked_token_ids, partial(disconnect_revoked, connections)) as revocations,
        in_background(authenticator.keys.watch(partial(_disconnect_withdrawn, connections))),
        watching_certificate(certificate),
    ):
        devices = device_deps(settings, node, authenticator, _allowed_origins(settings, node))
        api = _api(settings, node, authenticator, revocations, devices)
        server = _Server(server_config(settings, api, devices), connections, certificate)
        async with server.accepting(listeners):
            node.deployment.tell(TakePart(LocalCommands(node.registry, revocations.refresh, node.stats).act))
            yield " and ".join(address_of(listener, is_tls=certificate is not None) for listener in listeners)


def _allowed_origins(settings: Settings, node: Node) -> AllowedOrigins:
    is_development = uses_kept_secret(settings)
    return AllowedOrigins(settings.allowed_origins, are_local_allowed=is_development, metrics=node.metrics.listener)


def _api(
    settings: Settings, node: Node, authenticator: Authenticator, revocations: Revocations, devices: DeviceDeps
) -> HttpApi:
    more = _more_routes(settings, admin_deps(node, authenticator, revocations))
    streams = stream_routes(stream_deps(settings, node, devices), node.metrics.streams)
    deps = api_deps(node, authenticator, devices.allowed_origins, devices.path_prefix, devices.content_ids)
    return http_api(deps, {**more, **streams})


def disconnect_revoked(connections: Collection[object], token_ids: Collection[str]) -> int:
    """Close those of ``connections`` that are devices with one of these tokens, and return their number."""
    devices = [connection for connection in connections if isinstance(connection, BaseDeviceConnection)]
    return sum(device.disconnect_if_revoked(token_ids) for device in devices)


def _disconnect_withdrawn(connections: Collection[object], known: Collection[str]) -> None:
    """Close what came with a token whose key is not ``known`` any more; in slices, since it may be most of them."""
    for connection in list(connections):
        if isinstance(connection, BaseDeviceConnection) and connection.is_of_other_key_than(known):
            time_sliced_queue().run(partial(connection.disconnect_if_withdrawn, known), Storm.DEPARTURES)


def server_config(settings: Settings, api: HttpApi, deps: DeviceDeps) -> uvicorn.Config:
    """Return how uvicorn makes the protocol of a connection."""
    config = uvicorn.Config(
        api.app,
        http=partial(HttpProtocol, RequestLimits(), api.direct_writes, trusted_proxies(settings)),  # type: ignore[arg-type]  # it is only called
        ws=partial(DeviceProtocol, deps),  # type: ignore[arg-type] # it is only called
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_timeout,  # type: ignore[arg-type]  # a timer takes parts of a second
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
    )
    config.load()
    return config


def _more_routes(settings: Settings, deps: AdminDeps) -> Routes:
    """Return the admin API and its page, and in development the page that tries everything, with tokens for devices."""
    operators = {**page_routes(operator_files()), **token_help_routes(operator_token_help(settings))}
    documents = document_routes(__version__, settings.path_prefix.rstrip("/"), CONTENT_IDS[settings.content_ids])
    routes = {**documents, **admin_routes(deps), **operators}
    if not uses_kept_secret(settings):
        return routes
    tokens = device_token_routes(development.USER, partial(development.development_token, settings))
    return {**routes, **page_routes(demo_files()), **tokens}


class _Server(uvicorn.Server):
    """uvicorn's server as a part of the daemon; ``connections`` holds its protocols while they live."""

    def __init__(self, config: uvicorn.Config, connections: set[Any], certificate: Certificate | None) -> None:
        super().__init__(config)
        self._certificate = certificate
        self.server_state.connections = connections
        self.lifespan = config.lifespan_class(config)

    @asynccontextmanager
    async def accepting(self, listeners: Sequence[socket.socket]) -> AsyncIterator[None]:
        """Accept connections for the length of the context, and finish them on leaving."""
        await self.startup(listeners)
        ticking = asyncio.create_task(self.main_loop())
        try:
            yield
        finally:
            self.should_exit = True
            await ticking
            await self.shutdown([*listeners])

    @override
    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Accept connections; as uvicorn's, but that each socket has TLS or not, and a handshake less than a minute."""
        loop = asyncio.get_running_loop()
        self.servers = []
        for listener in sockets or ():
            context = None
            if self._certificate is not None and listener.family != socket.AF_UNIX:
                context = self._certificate.context
            server = await loop.create_server(
                self._protocol,
                sock=listener,
                ssl=context,
                ssl_handshake_timeout=TLS_HANDSHAKE_TIMEOUT_S if context else None,
                backlog=BACKLOG,
            )
            self.servers.append(server)
        self.started = True

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(config=self.config, server_state=self.server_state, app_state={})
        return protocol

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon, which has more to stop than a server."""
        yield
