"""The operator's API in ``/openapi.json``, from the types of ``transport/http/routes/admin.py``."""

from typing import Final

import msgspec

from actors.messages.names import Name
from transport.apidocs.openapi_parts import ANY_BODY, Json, answer, body, of_a_bearer, problems, query
from transport.http.exchange.requests import MAX_WRITE_BYTES
from transport.http.routes.admin import PREFIX, DisconnectRequest, NoticeRequest, RevokeRequest
from transport.http.routes.admin_answers import DeploymentStats, Disconnected, NodeUsers, Notified, UserConnections

ADMIN_TYPES: Final = (
    DeploymentStats, UserConnections, NodeUsers, DisconnectRequest, RevokeRequest, Disconnected, NoticeRequest,
    Notified,
)  # fmt: skip

_NAME: Final = msgspec.json.schema(Name)
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
        "gaps_healed": 0, "engine": "nats",
    },
    "writes": {"added": 12}, "refusals": {"connections": 0}, "closes": {"4004": 1},
    "devices": {"online": 2, "commands": {"sent": 3}, "handoffs": {"sent": 1}, "waiting": 0, "leases_lost": 0},
    "collections": {
        "watchlist": {"updates_relayed": 9, "writes": {"added": 9}, "reads": 2},
        "list": {"updates_relayed": 3, "writes": {"added": 3}, "reads": 1},
    },
}  # fmt: skip
_ANSWERED: Final = {"nodes": 3, "known": 3}
_NODES: Final = [
    {"node": "a1b2c3d4", "version": "0.1.0", "self": True, "connections": 2, "users": 1, "uptime_s": 86400.0,
     "heard_s": 0.0, "figures": _STATS},
    {"node": "d4c3b2a1", "version": "0.1.0", "self": False, "connections": 7, "users": 5, "uptime_s": 86000.0,
     "heard_s": 3.5, "figures": None},
]  # fmt: skip
_CONNECTION: Final = {
    "connection_id": "6c1f7c0e-7d0c-4b3c-9f39-5f1d7b6f2a11", "device_id": "tv",
    "connected_at": "2026-11-24T12:00:00+00:00", "node": "a1b2c3d4",
}  # fmt: skip
_KEPT: Final = {
    "collections": [
        {"collection": "watchlist", "revision": 12}, {"collection": "list:kids", "revision": 3, "name": "Kids"},
    ],
    "devices": [
        {"device_id": "tv", "nodes": ["a1b2c3d4"], "last_seen": "2026-11-24T12:00:00.000+00:00", "device_name": "TV"},
    ],
}  # fmt: skip


def admin_paths() -> Json:
    """Return the admin API's paths."""
    return {
        f"{PREFIX}/stats": {"get": _stats()},
        f"{PREFIX}/users": {"get": _users()},
        f"{PREFIX}/node": {"get": _node()},
        f"{PREFIX}/disconnect": {"post": _disconnect()},
        f"{PREFIX}/revoke": {"post": _revoke()},
        f"{PREFIX}/notice": {"post": _notice()},
    }


def _stats() -> Json:
    example = _STATS | {"nodes": _NODES}
    responses = {"200": answer("Since the node started, and the figures of all.", "DeploymentStats", example)}
    return _of_an_operator("readStats", "Read the figures of this node, and of all nodes.", responses)


def _users() -> Json:
    user_id = query("user_id", "Whose connections.", _NAME, _USER) | {"required": True}
    connections = {"user_id": _USER, "connections": [_CONNECTION], "left_out": 0} | _ANSWERED | _KEPT
    responses = {"200": answer("They are these, oldest first.", "UserConnections", connections)}
    return _of_an_operator(
        "readUser", "Read a user's connections to all nodes, collections and devices.", responses, parameters=[user_id]
    )


def _node() -> Json:
    name = query("name", "Which node, as stats name it; else the one that is called.", _NAME, "a1b2c3d4")
    users = {"node": "a1b2c3d4", "users": [{"user_id": _USER, "connections": 2}], "left_out": 0}
    responses = {"200": answer("They are these, longest connected first.", "NodeUsers", users)}
    more = responses | problems("404")
    return _of_an_operator("readNode", "Read who is connected to a node.", more, parameters=[name])


def _disconnect() -> Json:
    summary = "Close the connections of a user, or of one device, to all nodes, with 4004; they may come back."
    answered = answer("They are told to close.", "Disconnected", {"disconnected": 2} | _ANSWERED)
    return _call("disconnect", summary, "DisconnectRequest", {"user_id": _USER, "device_id": "tv"}, answered)


def _revoke() -> Json:
    summary = "Refuse the token with this jti, on every node, and close its connections with 4501."
    asked = {"token_id": "token-7", "expires_at": 4102444800}
    answered = answer("It is kept; connections are told to close.", "Disconnected", {"disconnected": 1} | _ANSWERED)
    return _call("revoke", summary, "RevokeRequest", asked, answered)


def _notice() -> Json:
    answered = answer("It is on its way.", "Notified", {"notified": 120} | _ANSWERED)
    asked = {"message": "Back in five minutes.", "level": "info"}
    return _call("notice", "Show every device of all nodes a line of text.", "NoticeRequest", asked, answered)


def _call(name: str, summary: str, request: str, example: Json, answered: Json) -> Json:
    """Return an operation with a body."""
    responses = {"200": answered} | problems(*ANY_BODY)
    asked = body(request, f"At most {MAX_WRITE_BYTES} bytes.", example)
    return _of_an_operator(name, summary, responses, requestBody=asked)


def _of_an_operator(operation_id: str, summary: str, responses: Json, **more: object) -> Json:
    return of_a_bearer(operation_id, summary, "admin", responses | problems("403"), **more)
