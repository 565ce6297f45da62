"""What HTTP, devices and operators are wired with: parts of a running node, as the settings say."""

import asyncio
from functools import partial

from msgspec import structs

from actors.connection.deps import ConnectionDeps
from actors.connection.sync_websocket import SyncWebSocket
from actors.messages.content_ids import CONTENT_IDS, UUIDS, ContentIds
from actors.messages.control import Command
from actors.messages.deployment import Answers, AskNodes
from actors.runtime import LoopFuture
from actors.runtime.tell import TellIfAlive
from syncd import __version__
from syncd.errors import SettingsError
from syncd.node import Node
from syncd.revocations import Revocations
from syncd.settings import Settings
from transport.access.authentication import Authenticator
from transport.access.origins import AllowedOrigins
from transport.connection.device_connection import DeviceDeps, Spawn
from transport.http.http1.forwarded import NO_PROXIES, TrustedProxies
from transport.http.routes.admin import AdminDeps
from transport.http.routes.deps import ApiDeps
from transport.websocket.device_codec import encode

STREAM_INTERVAL_S = 12.0
"""Between the comments of a stream: clients are promised one every 15 s, and look for a proxy that keeps them back."""

ASK_TIMEOUT_S = 5.0
"""How long the ``Deployment`` has to answer, which gives the nodes a fraction of that."""


def api_deps(
    node: Node,
    authenticator: Authenticator,
    allowed_origins: AllowedOrigins,
    path_prefix: str = "",
    content_ids: ContentIds = UUIDS,
) -> ApiDeps:
    """Return what the HTTP API of ``node`` is wired with."""
    return ApiDeps(
        name="syncd",
        version=__version__,
        authenticator=authenticator,
        quotas=node.quotas,
        write=node.users.tell_watchlist,
        journal=node.journal.tell,
        bus_status=node.bus.status,
        prometheus=node.figures.prometheus,
        figures=node.figures.documented,
        allowed_origins=allowed_origins,
        content_ids=content_ids,
        path_prefix=path_prefix,
        tracer=node.tracer,
        journal_problem=lambda: node.metrics.journal.problem,
        listener=node.metrics.listener,
        issuer=node.metrics.issuer,
        announce=node.announce,
        show_lists=node.show_lists,
        send_command=TellIfAlive(node.commands),
        now_s=node.outside.now_s,
    )


def device_deps(
    settings: Settings, node: Node, authenticator: Authenticator, allowed_origins: AllowedOrigins
) -> DeviceDeps:
    """Return what the device sockets of ``node`` are wired with."""
    return DeviceDeps(
        authenticator=authenticator,
        quotas=node.quotas,
        spawn=_spawn(settings, node, settings.heartbeat_interval),
        allowed_origins=allowed_origins,
        content_ids=CONTENT_IDS[settings.content_ids],
        path_prefix=settings.path_prefix.rstrip("/"),
        reconnect_spread_ms=round(settings.shutdown_timeout * 500),
        random=node.outside.random,
        now_s=node.outside.now_s,
        wall_s=node.outside.wall_s,
    )


def stream_deps(settings: Settings, node: Node, devices: DeviceDeps) -> DeviceDeps:
    """Return what devices over HTTP are wired with: as the others, but for how often they are sent a sign of life."""
    interval_s = min(settings.heartbeat_interval, STREAM_INTERVAL_S)
    return structs.replace(devices, spawn=_spawn(settings, node, interval_s))


def _spawn(settings: Settings, node: Node, heartbeat_interval_s: float) -> Spawn:
    connection_deps = ConnectionDeps(
        tell_watchlist=node.users.tell_watchlist,
        frame=encode,
        now_s=asyncio.get_running_loop().time,
        heartbeat_interval_s=heartbeat_interval_s,
        heartbeat_timeout_s=settings.heartbeat_timeout,
        unread_timeout_s=settings.heartbeat_timeout / 2,
        unread=node.metrics.unread,
        closes=node.metrics.closes,
        illegal_steps=node.metrics.illegal_steps,
        tracer=node.tracer,
        send_command=TellIfAlive(node.commands),
    )
    return partial(SyncWebSocket.launch, connection_deps)


def admin_deps(node: Node, authenticator: Authenticator, revocations: Revocations) -> AdminDeps:
    """Return what the admin API of ``node`` is wired with."""

    async def run_on_nodes(command: Command, to: str | None = None) -> Answers:
        answers: LoopFuture[Answers] = LoopFuture()
        node.deployment.tell(AskNodes(command, answers.set, to))
        async with asyncio.timeout(ASK_TIMEOUT_S):
            return await answers

    return AdminDeps(
        node=node.name,
        authenticator=authenticator,
        stats=node.stats,
        run_on_nodes=run_on_nodes,
        journal=node.journal.tell,
        revoke=revocations.revoke,
    )


def trusted_proxies(settings: Settings) -> TrustedProxies:
    """Return the proxies that are believed. Raises: SettingsError, one of them is named by no address."""
    try:
        return TrustedProxies(settings.trusted_proxies) if settings.trusted_proxies else NO_PROXIES
    except ValueError as error:
        raise SettingsError(f"--trusted-proxies: {error}; addresses, networks such as 10.0.0.0/8, or unix") from None
