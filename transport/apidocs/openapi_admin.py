"""The operator's API in ``/openapi.json``, made from the types of ``transport/http/admin.py``."""

from typing import Final

from transport.apidocs.openapi_parts import ANY_BODY, Json, answer, body, of_a_bearer, problems, query
from transport.figures.stats import NodeStats
from transport.http.admin import (
    PREFIX,
    Disconnected,
    DisconnectRequest,
    NoticeRequest,
    Notified,
    RevokeRequest,
    UserConnections,
)
from transport.http.requests import MAX_WRITE_BYTES

ADMIN_TYPES: Final = (
    NodeStats, UserConnections, DisconnectRequest, RevokeRequest, Disconnected, NoticeRequest, Notified,
)  # fmt: skip

_USER: Final = "user-42"
_LATENCY: Final = {"average_ms": 0.4, "p50_ms": 0.3, "p95_ms": 0.8, "p99_ms": 1.2}
_STATS: Final = {
    "node": "a1b2c3d4", "version": "0.1.0", "time": 1764000000.0, "uptime_s": 86400.0, "connections": 2, "users": 1,
    "active_watchlists": 1, "messages_relayed": 12, "messages_sent": 24, "broadcast_latency": _LATENCY,
    "write_latency": _LATENCY,
    "journal": {
        "problem": None, "operations": 12, "transactions": 9, "failures": 0, "commit_latency": _LATENCY,
    },
    "bus": {
        "problem": None, "published": 12, "received": 12, "publish_failures": 0, "duplicates": 12, "outbox": 0,
        "gaps_healed": 0,
    },
    "writes": {"added": 12}, "refusals": {"connections": 0}, "closes": {"4004": 1},
}  # fmt: skip
_CONNECTION: Final = {
    "connection_id": "6c1f7c0e-7d0c-4b3c-9f39-5f1d7b6f2a11", "device_id": "tv",
    "connected_at": "2026-11-24T12:00:00+00:00",
}  # fmt: skip


def admin_paths() -> Json:
    """Return the admin API's paths."""
    return {
        f"{PREFIX}/stats": {"get": _stats()},
        f"{PREFIX}/users": {"get": _users()},
        f"{PREFIX}/disconnect": {"post": _disconnect()},
        f"{PREFIX}/revoke": {"post": _revoke()},
        f"{PREFIX}/notice": {"post": _notice()},
    }


def _stats() -> Json:
    responses = {"200": answer("Since the node started.", "NodeStats", _STATS)}
    return _of_an_operator("readStats", "Read the node's counters, latencies, journal and bus.", responses)


def _users() -> Json:
    name = {"$ref": "#/components/schemas/DisconnectRequest/properties/user_id"}
    user_id = query("user_id", "Whose connections.", name, _USER) | {"required": True}
    connections = {"user_id": _USER, "connections": [_CONNECTION]}
    responses = {"200": answer("They are these, oldest first.", "UserConnections", connections)}
    return _of_an_operator("readUser", "Read a user's connections to the node.", responses, parameters=[user_id])


def _disconnect() -> Json:
    summary = "Close the connections of a user, or of one device, with 4004; they may come back."
    answered = answer("They are told to close.", "Disconnected", {"disconnected": 2})
    return _call("disconnect", summary, "DisconnectRequest", {"user_id": _USER, "device_id": "tv"}, answered)


def _revoke() -> Json:
    summary = "Refuse the token with this jti, on every node within seconds."
    asked = {"token_id": "token-7", "expires_at": 4102444800}
    answered = answer("It is kept; connections of this node are told to close.", "Disconnected", {"disconnected": 1})
    return _call("revoke", summary, "RevokeRequest", asked, answered)


def _notice() -> Json:
    answered = answer("It is on its way.", "Notified", {"notified": 120})
    asked = {"message": "Back in five minutes.", "level": "info"}
    return _call("notice", "Show every device of the node a line of text.", "NoticeRequest", asked, answered)


def _call(name: str, summary: str, request: str, example: Json, answered: Json) -> Json:
    """Return an operation with a body."""
    responses = {"200": answered} | problems(*ANY_BODY)
    asked = body(request, f"At most {MAX_WRITE_BYTES} bytes.", example)
    return _of_an_operator(name, summary, responses, requestBody=asked)


def _of_an_operator(operation_id: str, summary: str, responses: Json, **more: object) -> Json:
    return of_a_bearer(operation_id, summary, "admin", responses | problems("403"), **more)
