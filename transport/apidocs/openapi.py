"""``/openapi.json``: the HTTP API as OpenAPI 3.1, made from the very types that the API decodes and encodes.

Source: https://spec.openapis.org/oas/v3.1.1
"""

from typing import Final

from actors.messages.change import Change
from actors.messages.content_ids import UUIDS, ContentIds
from actors.messages.sync import WatchlistUpdate
from transport.apidocs.examples import CONTENT_ID, EPOCH, STAMP
from transport.apidocs.openapi_admin import ADMIN_TYPES, admin_paths
from transport.apidocs.openapi_devices import DEVICE_TYPES, device_paths
from transport.apidocs.openapi_lists import LIST_ID, LIST_TYPES, delete_list, put_list, read_lists
from transport.apidocs.openapi_parts import (
    ANY_BODY,
    ANY_REQUEST,
    ETAG,
    TRACEPARENT,
    Json,
    answer,
    body,
    if_none_match,
    not_modified,
    of_a_user,
    problem_responses,
    problems,
    query,
    ref,
)
from transport.apidocs.openapi_progress import (
    NEEDS_POSITION,
    PLAYED,
    PLAYED_RESULT,
    PROGRESS_TYPES,
    progress_listed,
    write_progress,
)
from transport.apidocs.schemas import ABOUT, schemas_of
from transport.http.exchange.requests import (
    MAX_BULK_BYTES,
    MAX_BULK_OPERATIONS,
    MAX_WRITE_BYTES,
    BulkOperation,
    BulkRequest,
    DeviceOperation,
    ProgressOperation,
)
from transport.http.exchange.responses import (
    BulkResponse,
    Health,
    LastActivities,
    Readiness,
    WatchlistChanges,
    WatchlistPage,
    WriteResponse,
)
from transport.http.streams.server_sent_events import MEDIA_TYPE
from transport.http.streams.stream_route import STREAM
from transport.wire.problems import ProblemDetails
from transport.wire.query import (
    CURSOR_PATTERN,
    MAX_EPOCH_LENGTH,
    MAX_LIMIT,
    MAX_POLL_S,
    REVISION_PATTERN,
    SINCE_PATTERN,
    SNAPSHOT_IN_PIECES,
)

_TYPES: Final = (
    Change, WriteResponse, BulkOperation, ProgressOperation, DeviceOperation, BulkRequest, BulkResponse, WatchlistPage,
    WatchlistChanges, WatchlistUpdate, LastActivities, Health, Readiness, ProblemDetails, *LIST_TYPES, *DEVICE_TYPES,
    *PROGRESS_TYPES, *ADMIN_TYPES,
)  # fmt: skip

_WRITE: Final = {"operation": "add", "content_id": CONTENT_ID}
_WRITTEN: Final = {
    "success": True, "operation": "add", "content_id": CONTENT_ID, "status": "added", "unique_tag": "syncd:7",
    "timestamp": STAMP, "revision": 7,
}  # fmt: skip
_ITEM: Final = {"content_id": CONTENT_ID, "added_at": "2026-11-24T12:00:00.000+00:00", "device_id": "tv"}
_UPDATE: Final = {
    "type": "watchlist_update", "content_id": CONTENT_ID, "action": "add", "revision": 9, "unique_tag": "syncd:9",
    "timestamp": STAMP, "device_id": "tv",
}  # fmt: skip
_REVISION: Final = {"type": "string", "pattern": REVISION_PATTERN}
_SINCE: Final = {"type": "array", "items": {"anyOf": [_REVISION, {"type": "string", "pattern": SINCE_PATTERN}]}}
_EPOCH_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": MAX_EPOCH_LENGTH}
_OTHER_OPERATION: Final = {
    "title": "OtherOperation",
    "description": "Whatever is none of the others, which may be wrong in any way: refused by its result alone.",
    "type": "object",
}
_EVENTS: Final = (
    ':\n\ndata: {"type":"resumed","recovered":true,"revision":9,"epoch":"9f86d081"}\n\n'
    'event: close\ndata: {"code":1001,"reason":"the service is restarting"}\n\n'
)


def openapi_document(version: str, path_prefix: str = "", content_ids: ContentIds = UUIDS) -> Json:
    """Return the document, as JSON's Python values; ``path_prefix``: below which clients find the paths.

    Cost: milliseconds; keep it.
    """
    schemas = schemas_of(_TYPES, content_ids)
    for schema in schemas.values():  # to code generators a field with a default is never absent, in requests neither
        for field in schema.get("properties", {}).values():
            field.pop("default", None)
    # The types say Raw: each operation is judged alone, and an update comes encoded.
    schemas["BulkRequest"]["properties"]["operations"]["items"] = {
        "anyOf": [ref("BulkOperation"), ref("ProgressOperation"), ref("DeviceOperation"), ref("OtherOperation")]
    }
    schemas["OtherOperation"] = _OTHER_OPERATION
    schemas["WatchlistChanges"]["properties"]["changes"]["items"] = {
        "anyOf": [ref("WatchlistUpdate"), ref("ListUpdate"), ref("ProgressUpdate")]
    }
    for of_progress in ("ProgressChange", "ProgressOperation"):
        schemas[of_progress] |= NEEDS_POSITION
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "syncd",
            "version": version,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            *([{"url": path_prefix, "description": "Behind the proxy."}] if path_prefix else []),
            {"url": "/", "description": "The node itself."},
        ],
        "tags": [
            {"name": "admin", "description": "For tokens whose scope has the word syncd:admin; acts on all nodes."},
            {"name": "operations", "description": "For those who run the service."},
            {"name": "watchlist", "description": "For devices: the list of the token's user."},
        ],
        "paths": _paths(content_ids),
        "components": {
            "schemas": schemas,
            "responses": problem_responses(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _paths(content_ids: ContentIds) -> Json:
    return {
        "/api/v1/sync/watchlist": {"get": _read_watchlist(), "post": _write_watchlist()},
        "/api/v1/sync/lists": {"get": read_lists()},
        "/api/v1/sync/lists/{list}": {
            "get": _read_watchlist("readList", "Read a list, as the watchlist is read.", LIST_ID),
            "post": _write_watchlist("writeList", "Add or remove one content of a list.", LIST_ID),
            "put": put_list(),
            "delete": delete_list(),
        },
        "/api/v1/sync/progress": {
            "get": progress_listed(
                _read_watchlist("readProgress", "Read what was played, newest first, or with since what changed.")
            ),
            "post": write_progress(),
        },
        "/api/v1/sync/operations": {"post": _write_operations(content_ids)},
        "/api/v1/sync/last_activities": {"get": _last_activities()},
        STREAM: {"get": _stream()},
        "/api/v1/metrics": {"get": _figures()},
        "/health": {"get": _health()},
        "/ready": {"get": _ready()},
        "/metrics": {"get": _prometheus()},
        "/openapi.json": {"get": _document("openapi", "This document.")},
        "/asyncapi.json": {"get": _document("asyncapi", "The messages of WebSockets and streams, as AsyncAPI 3.")},
        **device_paths(),
        **admin_paths(),
    }


def _write_watchlist(
    name: str = "writeWatchlist",
    summary: str = "Add or remove one content; answered once it is in the database.",
    *of_list: Json,
) -> Json:
    return of_a_user(
        name,
        summary,
        parameters=[*of_list, TRACEPARENT],
        requestBody=body("Change", f"At most {MAX_WRITE_BYTES} bytes.", _WRITE),
        responses={"200": answer("It holds.", "WriteResponse", _WRITTEN)} | problems("404", "409", *ANY_BODY),
    )


def _write_operations(content_ids: ContentIds) -> Json:
    refused = {"success": False, "status": "refused", "detail": f"{content_ids.rule}."}
    described = (
        f"At most {MAX_BULK_BYTES} bytes and {MAX_BULK_OPERATIONS} operations; one that is not as described"
        " is refused by its result, and leaves the rest alone."
    )
    return of_a_user(
        "writeOperations",
        "Send what a device queued while it was offline, of any list, of progress and of devices.",
        parameters=[TRACEPARENT],
        requestBody=body("BulkRequest", described, {"operations": [_WRITE, _WRITE | {"list": "kids"}, PLAYED]}),
        responses={"200": answer("All are answered.", "BulkResponse", {"results": [_WRITTEN, refused, PLAYED_RESULT]})}
        | problems(*ANY_BODY),
    )


def _read_watchlist(
    name: str = "readWatchlist",
    summary: str = "Read the list, newest first, or with since what changed.",
    *of_list: Json,
) -> Json:
    a_limit = {"type": "integer", "default": MAX_LIMIT}
    page = {"revision": 9, "epoch": EPOCH, "items": [_ITEM], "next": f"{EPOCH}.9.115605504000000000.9"}
    listed = answer("The list, or what changed.", "WatchlistPage", page, **ETAG)
    media: Json = listed["content"]["application/json"]
    media["schema"] = {"oneOf": [ref("WatchlistPage"), ref("WatchlistChanges")]}
    media["examples"]["changes"] = {"value": {"revision": 9, "epoch": EPOCH, "changes": [_UPDATE]}}
    again = {"cursor": "$response.body#/next"} | ({"list": "$request.path.list"} if of_list else {})
    listed["links"] = {"next": {"operationId": name, "parameters": again}}
    return of_a_user(
        name,
        summary,
        parameters=[
            *of_list,
            query("since", "Answer the changes after this revision.", _REVISION, "8"),
            query("epoch", "Of that revision.", _EPOCH_SCHEMA, EPOCH),
            query("limit", "Items or changes in the answer.", a_limit | {"minimum": 1, "maximum": MAX_LIMIT}, 100),
            query(  # without an example: tools send all of them at once
                "cursor",
                "The next of the page before: go on with the list as it was then; since is ignored beside it.",
                {"type": "string", "pattern": CURSOR_PATTERN},
            ),
            if_none_match(),
        ],
        responses={"200": listed, "304": not_modified()} | problems("410"),
    )


def _last_activities() -> Json:
    example = {"watchlist": 9, "epoch": EPOCH, "lists": {"kids": 3}, "progress": 120}
    return of_a_user(
        "readLastActivities",
        "Read the revision of each kind of data: did anything change?",
        parameters=[if_none_match()],
        responses={"200": answer("The revisions.", "LastActivities", example, **ETAG), "304": not_modified()},
    )


def _stream() -> Json:
    cursor = f"{EPOCH}.9.115605504000000000.7"
    # Without a schema: before OpenAPI 3.2, to some tools it is that of the whole, to others that of each event.
    content = {MEDIA_TYPE: {"examples": {"stream": {"value": _EVENTS}}}}
    description = "As for the WebSocket, whose messages they are (/asyncapi.json); ends with the event close."
    return of_a_user(
        "stream",
        "Get a device's messages as server-sent events, where no WebSocket can be had.",
        parameters=[
            query("since", "First send what came after; of each collection that is to be followed.", _SINCE, ["8"]),
            query("epoch", "Of that revision.", _EPOCH_SCHEMA, EPOCH),
            query(
                "snapshot",
                "If the list is to be sent, or is shorter: in pieces.",
                {"enum": [SNAPSHOT_IN_PIECES]},
                "pieces",
            ),
            query(
                "snapshot_cursor",
                "The next of the last piece that came; ignored without since and snapshot, or if it cannot be read.",
                {"type": "string"},
                cursor,
            ),
            query(
                "poll",
                "End the answer with what there is to say, after at most so many seconds; needs since.",
                {"type": "integer", "minimum": 0, "maximum": MAX_POLL_S},
                25,
            ),
        ],
        responses={"200": {"description": description, "content": content}} | problems("403"),
    )


def _health() -> Json:
    example = {"status": "healthy", "service": "syncd", "version": "0.1.0"}
    return _open("health", "Is the process alive?", {"200": answer("It is.", "Health", example)})


def _ready() -> Json:
    down = {"status": "not ready", "problems": {"journal": "cannot be written: sqlite: database or disk is full"}}
    answers = {
        "200": answer("It can do its work.", "Readiness", {"status": "ready", "problems": {}}),
        "503": answer("The journal cannot be written or not be read, or no token verified.", "Readiness", down),
    }
    return _open("ready", "Can the service do its work?", answers)


def _figures() -> Json:
    schema = {"type": "object", "additionalProperties": {"type": "number"}}
    media = {"schema": schema, "examples": {"figures": {"value": {"messages_relayed": 12.0, "latency_p95_ms": 0.8}}}}
    return _open(
        "readFigures",
        "Read the documented figures.",
        {"200": {"description": "Milliseconds where a name ends so.", "content": {"application/json": media}}},
    )


def _prometheus() -> Json:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return _open("prometheus", "Every metric.", {"200": {"description": "Prometheus text.", "content": content}})


def _document(name: str, summary: str) -> Json:
    content = {"application/json": {"schema": {"type": "object"}}}
    return _open(name, summary, {"200": {"description": "The document.", "content": content}})


def _open(operation_id: str, summary: str, answers: Json) -> Json:
    """Return an operation that needs no token."""
    responses = answers | problems(*ANY_REQUEST)
    return {"operationId": operation_id, "summary": summary, "tags": ["operations"], "responses": responses}
