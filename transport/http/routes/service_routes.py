"""The routes about the service itself: is it alive, can it work, what does it count."""

import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from transport.access.limits import TokenBuckets
from transport.errors import Problem
from transport.http.exchange.app import HttpRequest
from transport.http.exchange.responses import Health, Readiness, json_response
from transport.http.routes.deps import ApiDeps
from transport.http.routes.journal_head import journal_head

RENDERED_PER_S: Final = 5.0
RENDERED_BURST: Final = 20
"""How often the metrics are written down for Prometheus, some 5 ms of the event loop each time, whoever asks."""


class ServiceRoutes:
    """What operators and their tools ask, without a token. Thread: the event loop."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._renderings = TokenBuckets(RENDERED_PER_S, RENDERED_BURST)
        self._rendered = b""

    async def health(self, _request: HttpRequest) -> Response:
        """Say that the process is alive."""
        return json_response(Health("healthy", self._deps.name, self._deps.version))

    async def ready(self, _request: HttpRequest) -> Response:
        """Say whether the service can do its work, and why not.

        Reading is tried now; writing is not, because anybody may ask: the journal's probe has tried it.
        """
        problems: dict[str, str] = {}
        try:
            await journal_head(self._deps, "ready")
        except Problem as problem:
            problems["journal"] = problem.detail
        if (journal_problem := self._deps.journal_problem()) is not None:
            problems["journal"] = journal_problem
        bus_problem = self._deps.bus_status()
        if bus_problem is not None:
            problems["bus"] = bus_problem
        issuer = self._deps.issuer
        if issuer.problem is not None:
            problems["issuer"] = issuer.problem
        if 0 < (ends_s := self._deps.listener.certificate_ends_s) < time.time():
            problems["certificate"] = f"It ended at {datetime.fromtimestamp(ends_s, UTC):%Y-%m-%d %H:%M} UTC."
        # Without the bus, or with keys that may be old, this node still serves its users: it says so, and stays in.
        # So it does with a certificate that has ended: all nodes have the same one, as a rule.
        admits_nobody = issuer.problem is not None and not issuer.keys
        is_out = "journal" in problems or admits_nobody
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_out else HTTPStatus.OK
        return json_response(Readiness("not ready" if problems else "ready", problems), status)

    async def prometheus(self, _request: HttpRequest) -> Response:
        """Return every metric, for Prometheus; if asked without end, as it was a fifth of a second ago."""
        if not self._renderings.acquire("metrics", self._deps.now_s()):
            self._rendered = self._deps.prometheus()
        return Response(self._rendered, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def figures(self, _request: HttpRequest) -> Response:
        """Return the documented figures."""
        return json_response(self._deps.figures())
