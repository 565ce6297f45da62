"""``/openapi.json``: the HTTP API as OpenAPI 3.1, made from the very types that the API decodes and encodes.

Source: https://spec.openapis.org/oas/v3.1.1
"""

from http import HTTPStatus
from typing import Any, Final

import msgspec

from transport.answers import (
    BulkResponse,
    Health,
    LastActivities,
    Readiness,
    WatchlistChanges,
    WatchlistPage,
    WriteResponse,
)
from transport.problems import PROBLEM_TYPE, ProblemDetails, problem_body
from transport.query import CURSOR_PATTERN, MAX_EPOCH_LENGTH, MAX_LIMIT, REVISION_PATTERN
from transport.requests import MAX_BULK_BYTES, MAX_BULK_OPERATIONS, MAX_WRITE_BYTES, BulkRequest, WriteRequest

Json = dict[str, Any]

_TYPES: Final = (
    WriteRequest, WriteResponse, BulkRequest, BulkResponse, WatchlistPage, WatchlistChanges, LastActivities,
    Health, Readiness, ProblemDetails,
)  # fmt: skip

_CONTENT_ID: Final = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
_STAMP: Final = {"physical": 1764000000000, "logical": 0, "node": "a1b2c3d4"}
_WRITE: Final = {"operation": "add", "content_id": _CONTENT_ID}
_WRITTEN: Final = {
    "success": True, "operation": "add", "content_id": _CONTENT_ID, "status": "added", "unique_tag": "syncd:7",
    "timestamp": _STAMP, "revision": 7,
}  # fmt: skip
_ITEM: Final = {"content_id": _CONTENT_ID, "added_at": "2026-11-24T12:00:00.000+00:00", "device_id": "tv"}
_UPDATE: Final = {
    "type": "watchlist_update", "content_id": _CONTENT_ID, "action": "add", "revision": 9, "unique_tag": "syncd:9",
    "timestamp": _STAMP, "device_id": "tv",
}  # fmt: skip
_EPOCH: Final = "9f86d081"

_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "400": ("The request is not as documented, or can never succeed as it is.", "since: must be given once."),
    "401": ("There is no token, or not a valid one.", "The token has expired."),
    "404": ("A remove of what is not in the list.", f"content_id: {_CONTENT_ID} is not in the watchlist."),
    "408": ("The request was not complete in time.", "The request's body took too long to arrive."),
    "410": ("The listing cannot be continued.", "cursor: this listing cannot be continued; start again without it."),
    "413": ("The body is too large.", f"The body is larger than {MAX_WRITE_BYTES} bytes."),
    "415": ("The body is something other than JSON.", "Content-Type: the body must be application/json, not text/xml."),
    "431": ("The headers are too large.", "The request's head is larger than 32768 bytes."),
    "500": ("An error of the service.", "An error in syncd; it has been logged."),
    "503": ("The database is away; repeat after Retry-After.", "the journal is unavailable"),
}
_HEADERS: Final = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "example": "Bearer"}},
    "503": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "example": 2}},
}
_ANY_REQUEST: Final = ("400", "408", "431", "500")
_ANY_OF_A_USER: Final = (*_ANY_REQUEST, "401", "503")

_ETAG: Final = {
    "ETag": {"description": "Of the user's revision; compare it with If-None-Match.", "schema": {"type": "string"}}
}


def openapi_document(version: str) -> Json:
    """Return the document, as JSON's Python values. Cost: milliseconds; keep it."""
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    # The type says Raw: each operation is judged alone.
    schemas["BulkRequest"]["properties"]["operations"]["items"] = _ref("WriteRequest")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "syncd",
            "version": version,
            "summary": "Keeps a watchlist the same on every device its owner has.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": "watchlist"}, {"name": "operations", "description": "For those who run the service."}],
        "paths": {
            "/api/v1/sync/watchlist": {"get": _read_watchlist(), "post": _write_watchlist()},
            "/api/v1/sync/operations": {"post": _write_operations()},
            "/api/v1/sync/last_activities": {"get": _last_activities()},
            "/api/v1/metrics": {"get": _figures()},
            "/health": {"get": _health()},
            "/ready": {"get": _ready()},
            "/metrics": {"get": _prometheus()},
            "/openapi.json": {"get": _document("openapi", "This document.")},
            "/asyncapi.json": {"get": _document("asyncapi", "The messages of the WebSocket, as AsyncAPI 3.")},
        },
        "components": {
            "schemas": schemas,
            "responses": {status: _problem(status) for status in _PROBLEMS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _write_watchlist() -> Json:
    return _of_a_user(
        "writeWatchlist",
        "Add or remove one content; answered once it is in the database.",
        requestBody=_body("WriteRequest", f"At most {MAX_WRITE_BYTES} bytes.", _WRITE),
        responses={"200": _answer("It holds.", "WriteResponse", _WRITTEN)} | _problems("404", "413", "415"),
    )


def _write_operations() -> Json:
    refused = {"success": False, "status": "refused", "detail": "Invalid UUID - at `$.content_id`."}
    described = f"At most {MAX_BULK_BYTES} bytes and {MAX_BULK_OPERATIONS} operations; a bad one leaves the rest alone."
    return _of_a_user(
        "writeOperations",
        "Send what a device queued while it was offline.",
        requestBody=_body("BulkRequest", described, {"operations": [_WRITE]}),
        responses={"200": _answer("All are answered.", "BulkResponse", {"results": [_WRITTEN, refused]})}
        | _problems("413", "415"),
    )


def _read_watchlist() -> Json:
    revision, a_limit = {"type": "string", "pattern": REVISION_PATTERN}, {"type": "integer", "default": MAX_LIMIT}
    page = {"revision": 9, "epoch": _EPOCH, "items": [_ITEM], "next": f"{_EPOCH}.9.115605504000000000.9"}
    answer = _answer("The list, or what changed.", "WatchlistPage", page, **_ETAG)
    media: Json = answer["content"]["application/json"]
    media["schema"] = {"oneOf": [_ref("WatchlistPage"), _ref("WatchlistChanges")]}
    media["examples"]["changes"] = {"value": {"revision": 9, "epoch": _EPOCH, "changes": [_UPDATE]}}
    return _of_a_user(
        "readWatchlist",
        "Read the list, newest first, or with since what changed.",
        parameters=[
            _query("since", "Answer the changes after this revision.", revision, "8"),
            _query(
                "epoch", "Of that revision.", {"type": "string", "minLength": 1, "maxLength": MAX_EPOCH_LENGTH}, _EPOCH
            ),
            _query("limit", "Items or changes in the answer.", a_limit | {"minimum": 1, "maximum": MAX_LIMIT}, 100),
            _query(
                "cursor",
                "The next of the page before: go on with the list as it was then; not together with since.",
                {"type": "string", "pattern": CURSOR_PATTERN},
                page["next"],
            ),
            _if_none_match(),
        ],
        responses={"200": answer, "304": _not_modified()} | _problems("410"),
    )


def _last_activities() -> Json:
    example = {"watchlist": 9, "epoch": _EPOCH}
    return _of_a_user(
        "readLastActivities",
        "Read the revision of each kind of data: did anything change?",
        parameters=[_if_none_match()],
        responses={"200": _answer("The revisions.", "LastActivities", example, **_ETAG), "304": _not_modified()},
    )


def _health() -> Json:
    example = {"status": "healthy", "service": "syncd", "version": "0.1.0"}
    return _open("health", "Is the process alive?", {"200": _answer("It is.", "Health", example)})


def _ready() -> Json:
    down = {"status": "not ready", "problems": {"journal": "The journal cannot be read now."}}
    answers = {
        "200": _answer("It can do its work.", "Readiness", {"status": "ready", "problems": {}}),
        "503": _answer("The journal cannot be read.", "Readiness", down),
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
    responses = answers | _problems(*_ANY_REQUEST)
    return {"operationId": operation_id, "summary": summary, "tags": ["operations"], "responses": responses}


def _of_a_user(operation_id: str, summary: str, *, responses: Json, **more: Any) -> Json:
    """Return an operation that needs a token."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["watchlist"],
        "security": [{"token": []}],
        **more,
        "responses": responses | _problems(*_ANY_OF_A_USER),
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _media(name: str, example: Json) -> Json:
    return {"schema": _ref(name), "examples": {name: {"value": example}}}


def _body(name: str, description: str, example: Json) -> Json:
    return {"description": description, "required": True, "content": {"application/json": _media(name, example)}}


def _answer(description: str, name: str, example: Json, **headers: Json) -> Json:
    answer: Json = {"description": description, "content": {"application/json": _media(name, example)}}
    return answer | ({"headers": headers} if headers else {})


def _not_modified() -> Json:
    return {"description": "Nothing has changed since the answer with this ETag.", "headers": _ETAG}


def _problem(status: str) -> Json:
    description, detail = _PROBLEMS[status]
    example = msgspec.json.decode(problem_body(HTTPStatus(int(status)), detail))
    return {
        "description": description,
        "headers": _HEADERS.get(status, {}),
        "content": {PROBLEM_TYPE: _media("ProblemDetails", example)},
    }


def _problems(*statuses: str) -> Json:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _query(name: str, description: str, schema: Json, example: object) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, "example": example}


def _if_none_match() -> Json:
    return {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of an earlier answer.",
        "schema": {"type": "string"},
        "example": f'"{_EPOCH}-9"',
    }
