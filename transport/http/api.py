"""The HTTP API: which route is where (docs/protocol.md)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct

from transport.http.direct_writes import DirectWrites
from transport.http.exchange.answer_deadlines import AnswerDeadlines
from transport.http.exchange.app import HttpApp, Routes
from transport.http.exchange.cors import Cors
from transport.http.routes.bulk import OperationsRoute
from transport.http.routes.deps import ApiDeps
from transport.http.routes.device_commands import CommandRoutes
from transport.http.routes.devices import DeviceRoutes
from transport.http.routes.lists import CatalogueRoutes
from transport.http.routes.progress import ProgressRoute
from transport.http.routes.reads import ReadRoutes
from transport.http.routes.service_routes import ServiceRoutes
from transport.http.routes.websocket_route import WebSocketRoute
from transport.http.routes.writes import ListRoute

T = TypeVar("T")

WATCHLIST = "/api/v1/sync/watchlist"
PROGRESS = "/api/v1/sync/progress"
OPERATIONS = "/api/v1/sync/operations"
LISTS = "/api/v1/sync/lists"
A_LIST = f"{LISTS}/*"
DEVICES = "/api/v1/devices"


class HttpApi(Struct, frozen=True):
    """The ASGI application, and those of its routes that the HTTP protocol can answer without it."""

    app: HttpApp
    direct_writes: DirectWrites


def http_api(deps: ApiDeps, more: Routes = MappingProxyType({})) -> HttpApi:
    """Return the API, which serves ``more`` too."""
    cors, deadlines = Cors(deps.allowed_origins), AnswerDeadlines(deps.answer_timeout_s)
    watchlist, operations = ListRoute(deps, deadlines), OperationsRoute(deps, deadlines)
    progress = ProgressRoute(deps, deadlines)
    reads, catalogue, service = ReadRoutes(deps), CatalogueRoutes(deps), ServiceRoutes(deps)
    devices, commands = DeviceRoutes(deps), CommandRoutes(deps)
    routes: Routes = {
        WATCHLIST: {"GET": reads.watchlist, "POST": watchlist.post},
        PROGRESS: {"GET": reads.progress, "POST": progress.post},
        OPERATIONS: {"POST": operations.post},
        LISTS: {"GET": catalogue.lists},
        A_LIST: {"GET": reads.list, "POST": watchlist.post_to, "PUT": catalogue.put, "DELETE": catalogue.delete},
        DEVICES: {"GET": devices.devices},
        f"{DEVICES}/handoff": {"POST": commands.handoff},
        f"{DEVICES}/commands": {"POST": commands.command},
        f"{DEVICES}/*": {"PUT": devices.put, "DELETE": devices.forget},
        "/api/v1/sync/last_activities": {"GET": reads.last_activities},
        "/api/v1/metrics": {"GET": service.figures},
        "/health": {"GET": service.health},
        "/ready": {"GET": service.ready},
        "/metrics": {"GET": service.prometheus},
        "/ws": {"GET": WebSocketRoute(deps).get},
        **more,
    }
    writes = {WATCHLIST: watchlist, OPERATIONS: operations, PROGRESS: progress, A_LIST: watchlist}
    prefix = deps.path_prefix
    return HttpApi(HttpApp(_below(prefix, routes), cors), DirectWrites(_below(prefix, writes), cors))


def _below(prefix: str, table: Mapping[str, T]) -> Mapping[str, T]:
    """Return ``table`` with each path below ``prefix``, too: some proxies take it away, and others do not."""
    return {**table, **{prefix + path: value for path, value in table.items()}}
