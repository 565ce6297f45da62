"""Playback progress in ``/openapi.json``, made from the types that its routes decode and answer."""

from typing import Final

from actors.messages.collections import PROGRESS
from actors.messages.progress import IN_PROGRESS, ProgressChange
from actors.messages.sync import ProgressUpdate
from transport.apidocs.examples import CONTENT_ID, EPOCH, STAMP
from transport.apidocs.openapi_parts import (
    ANY_BODY,
    TRACEPARENT,
    Json,
    answer,
    body,
    of_a_user,
    problems,
    query,
    ref,
)
from transport.http.exchange.requests import MAX_WRITE_BYTES
from transport.http.exchange.responses import ProgressPage, ProgressResponse

PROGRESS_TYPES: Final = (ProgressChange, ProgressUpdate, ProgressResponse, ProgressPage)

NEEDS_POSITION: Final[Json] = {
    "anyOf": [
        {"required": ["position_seconds"], "properties": {"position_seconds": {"type": "number"}}},
        {"required": ["operation"], "properties": {"operation": {"const": "remove"}}},
    ]
}
"""What the type of a change does not say."""

_PLAYED: Final = {"content_id": CONTENT_ID, "position_seconds": 90.5, "duration_seconds": 5400, "state": "paused"}
_ITEM: Final = _PLAYED | {
    "watched": False, "completion_percent": 1.7, "updated_at": "2026-11-24T12:00:00.000+00:00", "device_id": "tv",
}  # fmt: skip
_UPDATE: Final = {
    "type": "progress_update", "content_id": CONTENT_ID, "position": 90.5, "duration": 5400, "action": "update",
    "state": "paused", "watched": False, "revision": 120, "timestamp": STAMP, "device_id": "tv",
}  # fmt: skip
_WRITTEN: Final = {
    "success": True, "content_id": CONTENT_ID, "status": "updated", "position_seconds": 90.5,
    "completion_percent": 1.7, "timestamp": STAMP, "revision": 120, "watched": False,
}  # fmt: skip
PLAYED: Final = _PLAYED | {"collection": PROGRESS}
"""As an operation of a bulk."""
PLAYED_RESULT: Final = {
    "success": True, "operation": "update", "collection": PROGRESS, "content_id": CONTENT_ID, "status": "updated",
    "timestamp": STAMP, "revision": 120,
}  # fmt: skip
"""Its result."""


def write_progress() -> Json:
    """Return the operation that writes it."""
    return of_a_user(
        "writeProgress",
        "Say how far one content was played, or forget that; answered once it is in the database.",
        parameters=[TRACEPARENT],
        requestBody=body("ProgressChange", f"At most {MAX_WRITE_BYTES} bytes.", _PLAYED),
        responses={"200": answer("It holds, or a later one does: what is there.", "ProgressResponse", _WRITTEN)}
        | problems("404", "409", *ANY_BODY),
    )


def progress_listed(listed: Json) -> Json:
    """Return ``listed``, the operation that reads the watchlist, as the one that reads progress."""
    page = {"revision": 120, "epoch": EPOCH, "items": [_ITEM], "next": f"{EPOCH}.120.115605504000000000.9"}
    found = answer("What was played, or what changed.", "ProgressPage", page)
    media: Json = found["content"]["application/json"]
    media["schema"] = {"oneOf": [ref("ProgressPage"), ref("WatchlistChanges")]}
    media["examples"]["changes"] = {"value": {"revision": 120, "epoch": EPOCH, "changes": [_UPDATE]}}
    listed["responses"]["200"] |= {"description": found["description"], "content": found["content"]}
    listed["parameters"].append(
        query("state", "Only what is begun and not watched.", {"enum": [IN_PROGRESS]}, IN_PROGRESS)
    )
    return listed
