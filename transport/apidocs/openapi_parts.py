"""What the parts of ``/openapi.json`` are built of: bodies, answers, problems, parameters."""

from http import HTTPStatus
from typing import Any, Final

import msgspec

from transport.apidocs.examples import EPOCH
from transport.errors import Problem
from transport.http.exchange.requests import MAX_WRITE_BYTES
from transport.wire.problems import PROBLEM_TYPE, QUOTA_EXCEEDED, problem_body

Json = dict[str, Any]

_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "400": ("The request is not as documented, or can never succeed as it is.", "since: must be given once."),
    "401": ("There is no token, or not a valid one.", "The token has expired."),
    "403": (
        "The token does not allow this, or the origin of the page.",
        "The token's scope must have the word 'syncd:admin'.",
    ),
    "404": (
        "There is no such content, list, device or node.",
        "content_id: 0b0e6a4e-52a5-4a5b-9a1f-000000000001 is not in the watchlist.",
    ),
    "408": ("The request was not complete in time.", "The request's body took too long to arrive."),
    "409": (
        "The write is beyond a limit, and had no effect.",
        "content_id: the list has its 10000 items (items_per_list): remove one first",
    ),
    "410": ("The listing cannot be continued.", "cursor: this listing cannot be continued; start again without it."),
    "413": ("The body is too large.", f"The body is larger than {MAX_WRITE_BYTES} bytes."),
    "415": ("The body is something other than JSON.", "Content-Type: the body must be application/json, not text/xml."),
    "429": (
        "This user sends or reads too much; repeat after Retry-After.",
        "This user sends more than 5000 messages a second.",
    ),
    "431": ("The headers are too large, or too many.", "The request's head is larger than 32768 bytes."),
    "500": ("An error of the service.", "An error in syncd; it has been logged."),
    "501": (
        "The body is encoded for its transfer.",
        "Transfer-Encoding: the body may be chunked, and nothing else.",
    ),
    "503": (
        "The database, the issuer of the keys, or what a command needs, is away; repeat after Retry-After.",
        "the journal is unavailable",
    ),
}
_FOR_PROGRAMS: Final[dict[str, tuple[str, str | None]]] = {
    "409": (QUOTA_EXCEEDED, "content_id"),
    "429": (QUOTA_EXCEEDED, None),
}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "example": 2}}
_HEADERS: Final = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "example": "Bearer"}},
    "429": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}
TRACEPARENT: Final[Json] = {
    "name": "traceparent",
    "in": "header",
    "description": "W3C Trace Context: with the sampled flag, trace the write; ignored if it is not valid.",
    "schema": {"type": "string"},
    "example": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
"""Of what writes."""
ETAG: Final = {
    "ETag": {"description": "Of the user's revision; compare it with If-None-Match.", "schema": {"type": "string"}}
}

ANY_REQUEST: Final = ("400", "408", "431", "500")
"""The problems that any request may meet."""
ANY_BODY: Final = ("413", "415", "501")
"""Those that any request with a body may meet, too."""


def problem_responses() -> Json:
    """Return the response that ``problems`` refers to, by status."""
    return {status: _problem(status) for status in _PROBLEMS}


def of_a_bearer(operation_id: str, summary: str, tag: str, responses: Json, **more: Any) -> Json:
    """Return an operation that needs a token; ``responses`` are those besides what any such request may meet."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": [tag],
        "security": [{"token": []}],
        **more,
        "responses": responses | problems(*ANY_REQUEST, "401", "503"),
    }


def of_a_user(operation_id: str, summary: str, *, responses: Json, **more: Any) -> Json:
    """Return an operation on what the token's user has."""
    return of_a_bearer(operation_id, summary, "watchlist", responses | problems("429"), **more)


def not_modified() -> Json:
    """Return the response to an If-None-Match that still holds."""
    return {"description": "Nothing has changed since the answer with this ETag.", "headers": ETAG}


def if_none_match() -> Json:
    """Return the parameter."""
    return {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of an earlier answer.",
        "schema": {"type": "string"},
        "example": f'"{EPOCH}-9"',
    }


def ref(name: str) -> Json:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _media(name: str, example: Json) -> Json:
    return {"schema": ref(name), "examples": {name: {"value": example}}}


def body(name: str, description: str, example: Json) -> Json:
    """Return a request body, by the name of its schema."""
    return {"description": description, "required": True, "content": {"application/json": _media(name, example)}}


def answer(description: str, name: str, example: Json, **headers: Json) -> Json:
    """Return a response, by the name of its schema."""
    response: Json = {"description": description, "content": {"application/json": _media(name, example)}}
    return response | ({"headers": headers} if headers else {})


def _problem(status: str) -> Json:
    description, detail = _PROBLEMS[status]
    code, field = _FOR_PROGRAMS.get(status, (None, None))
    problem = Problem(HTTPStatus(int(status)), detail, code=code, field=field)
    example = msgspec.json.decode(problem_body(problem))
    return {
        "description": description,
        "headers": _HEADERS.get(status, {}),
        "content": {PROBLEM_TYPE: _media("ProblemDetails", example)},
    }


def problems(*statuses: str) -> Json:
    """Return the responses with these statuses."""
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def query(name: str, description: str, schema: Json, example: object = None) -> Json:
    """Return a parameter of the query."""
    parameter = {"name": name, "in": "query", "description": description, "schema": schema}
    return parameter if example is None else parameter | {"example": example}
