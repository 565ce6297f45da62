"""The HTTP API: which route is where (docs/protocol.md)."""

from types import MappingProxyType

from transport.http.app import HttpApp, Routes
from transport.http.cors import Cors
from transport.http.deadlines import AnswerDeadlines
from transport.http.deps import ApiDeps
from transport.http.reads import ReadRoutes
from transport.http.service_routes import ServiceRoutes
from transport.http.writes import OperationsRoute, WatchlistRoute


def http_api(deps: ApiDeps, more: Routes = MappingProxyType({})) -> HttpApp:
    """Return the ASGI application, which serves ``more`` too."""
    reads, service, deadlines = ReadRoutes(deps), ServiceRoutes(deps), AnswerDeadlines(deps.answer_timeout_s)
    return HttpApp(
        {
            "/api/v1/sync/watchlist": {"GET": reads.watchlist, "POST": WatchlistRoute(deps, deadlines).post},
            "/api/v1/sync/operations": {"POST": OperationsRoute(deps, deadlines).post},
            "/api/v1/sync/last_activities": {"GET": reads.last_activities},
            "/api/v1/metrics": {"GET": service.figures},
            "/health": {"GET": service.health},
            "/ready": {"GET": service.ready},
            "/metrics": {"GET": service.prometheus},
            "/ws": {"GET": service.websocket},
            **more,
        },
        Cors(deps.allowed_origins),
    )
