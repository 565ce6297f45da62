"""The HTTP API alone, over stand-ins for the actors behind it."""

from collections.abc import Callable
from typing import Any

import httpx
from starlette.types import ASGIApp

from actors.messages.journal import DeviceWrite, JournalMessage
from actors.messages.journal_reads import Head
from actors.tracing import Tracer, untraced
from crdt.hlc import HLCTimestamp
from tests.daemon import SECRET
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.origins import AllowedOrigins
from transport.access.signing_keys import shared_secret
from transport.http.routes.deps import ApiDeps

HEAD = Head(line="ann", revision=7, clock=HLCTimestamp(0, 0, ""), epoch="e")


def api_deps(
    *,
    allowed_origins: tuple[str, ...] = (),
    path_prefix: str = "",
    figures: Callable[[], dict[str, float]] = dict,
    prometheus: Callable[[], bytes] = lambda: b"figures 1\n",
    journal: Callable[[JournalMessage], None] = lambda message: None,
    write: Callable[[DeviceWrite], None] = lambda write: None,
    bus_status: Callable[[], str | None] = lambda: None,
    journal_problem: Callable[[], str | None] = lambda: None,
    limits: Limits | None = None,
    authenticator: Authenticator | None = None,
    tracer: Tracer | None = None,
    answer_timeout_s: float = 10.0,
    **more: Any,
) -> ApiDeps:
    """By default actors keep what they are told, unanswered."""
    return ApiDeps(
        name="syncd",
        version="0",
        authenticator=authenticator or Authenticator(shared_secret(SECRET)),
        quotas=Quotas(limits or Limits()),
        write=write,
        journal=journal,
        bus_status=bus_status,
        prometheus=prometheus,
        figures=figures,
        allowed_origins=AllowedOrigins(allowed_origins),
        path_prefix=path_prefix,
        tracer=tracer or untraced(),
        journal_problem=journal_problem,
        answer_timeout_s=answer_timeout_s,
        **more,
    )


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://daemon")
