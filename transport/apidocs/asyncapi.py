"""``/asyncapi.json``: the WebSocket as AsyncAPI 3, made from the very types that are decoded and encoded there.

As AsyncAPI has it, the document speaks for the service: what it *receives* is what a device sends.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from typing import Any, Final, get_args

import msgspec

from actors.messages.close_codes import CLOSES
from actors.messages.content_ids import CONTENT_ID_RULE
from actors.messages.device import (
    Ack,
    Answer,
    Authenticate,
    Authenticated,
    DeviceHeartbeat,
    DeviceMessage,
    Error,
    ListWrite,
    Malformed,
    Ping,
    Pong,
    WatchlistWrite,
)
from actors.messages.sync import SyncMessage
from transport.access.bearer import BEARER_PREFIX
from transport.query import MAX_EPOCH_LENGTH, SINCE_PATTERN, SNAPSHOT_IN_PIECES
from transport.websocket.handshake import PATH, SUBPROTOCOL

Json = dict[str, Any]

FROM_DEVICE: Final = (*(kind for kind in get_args(DeviceMessage) if kind is not Malformed), Authenticate)
TO_DEVICE: Final = tuple(dict.fromkeys((*get_args(SyncMessage), *get_args(Answer))))

_REPLIES: Final[dict[type, tuple[type, ...]]] = {
    WatchlistWrite: (Ack, Error),
    ListWrite: (Ack, Error),
    Authenticate: (Authenticated, Error),
    Ping: (Pong,),
    DeviceHeartbeat: (),
    Pong: (),
}

_CONTENT_ID: Final = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
_EPOCH: Final = "9f86d081"
_STAMP: Final = {"physical": 1764000000000, "logical": 0, "node": "a1b2c3d4"}
_TAGGED: Final = {"unique_tag": "syncd:7", "timestamp": _STAMP}
_EXAMPLES: Final[dict[str, Json]] = {
    "WatchlistWrite": {"type": "watchlist_update", "operation": "add", "content_id": _CONTENT_ID, "id": "w1"},
    "ListWrite": {
        "type": "list_update", "list": "kids", "operation": "add", "content_id": _CONTENT_ID, "position": "a0",
        "data": {"note": "with subtitles"}, "id": "w3",
    },
    "Authenticate": {"type": "authenticate", "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "id": "t1"},
    "DeviceHeartbeat": {"type": "device_heartbeat"},
    "Ping": {"type": "ping"},
    "Pong": {"type": "pong"},
    "WatchlistUpdate": {
        "type": "watchlist_update", "content_id": _CONTENT_ID, "action": "add", "revision": 7, **_TAGGED,
        "device_id": "phone",
    },
    "ListUpdate": {
        "type": "list_update", "list": "kids", "content_id": _CONTENT_ID, "action": "add", "revision": 7, **_TAGGED,
        "device_id": "phone", "data": {"note": "with subtitles"}, "position": "a0",
    },
    "ProgressUpdate": {"type": "progress_update", "content_id": _CONTENT_ID, "position": 90, "duration": 5400},
    "DeviceCommand": {"type": "device_command", "command": f"handoff:{_CONTENT_ID}", "target_device": "tv"},
    "Notice": {"type": "notice", "message": "Back in five minutes.", "level": "info"},
    "Ack": {"type": "ack", "id": "w1", "status": "added", "revision": 7, **_TAGGED},
    "Error": {
        "type": "error", "id": "w2", "code": "invalid_field", "field": "content_id", "message": f"{CONTENT_ID_RULE}.",
    },
    "Authenticated": {"type": "authenticated", "id": "t1", "expires_at": 1764086400},
    "Resumed": {"type": "resumed", "recovered": True, "revision": 9, "epoch": _EPOCH},
    "WatchlistSnapshot": {
        "type": "watchlist_snapshot", "revision": 9, "epoch": _EPOCH,
        "items": [{"content_id": _CONTENT_ID, **_TAGGED, "device_id": "tv"}],
    },
    "WatchlistSnapshotPiece": {
        "type": "watchlist_snapshot_piece", "revision": 9, "epoch": _EPOCH, "start": True,
        "items": [{"content_id": _CONTENT_ID, **_TAGGED, "device_id": "tv"}],
        "next": f"{_EPOCH}.9.115605504000000000.7",
    },
    "ListSnapshot": {
        "type": "list_snapshot", "list": "kids", "revision": 9, "epoch": _EPOCH,
        "items": [{"content_id": _CONTENT_ID, **_TAGGED, "device_id": "tv", "position": "a0"}],
    },
    "ListSnapshotPiece": {
        "type": "list_snapshot_piece", "list": "kids", "revision": 9, "epoch": _EPOCH, "start": True,
        "items": [{"content_id": _CONTENT_ID, **_TAGGED, "device_id": "tv", "position": "a0"}],
    },
    "Goodbye": {"type": "goodbye", "reconnect_in_ms": 1500},
}  # fmt: skip


def asyncapi_document(version: str) -> Json:
    """Return the document, as JSON's Python values. Cost: milliseconds; keep it."""
    kinds = tuple(dict.fromkeys((*FROM_DEVICE, *TO_DEVICE)))
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "syncd",
            "version": version,
            "description": "Keeps a watchlist the same on every device its owner has.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "{host}",
                "protocol": "ws",
                "description": "The port that serves this document; wss behind TLS.",
                "variables": {"host": {"default": "127.0.0.1:8083"}},
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
            }
        },
        "channels": {"device": _channel(kinds)},
        "operations": {
            "tellDevice": {
                "action": "send",
                "summary": "What a device is shown, and what it is answered.",
                "channel": _CHANNEL,
                "messages": [_of_channel(kind) for kind in TO_DEVICE],
            },
            **{f"take{kind.__name__}": _receiving(kind) for kind in FROM_DEVICE},
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": schemas,
            "securitySchemes": _SECURITY,
        },
    }


_CHANNEL: Final = {"$ref": "#/channels/device"}
_SECURITY: Final[dict[str, Json]] = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": f"For browsers: '{SUBPROTOCOL}, {BEARER_PREFIX}<token>'.",
    },
}


def _channel(kinds: tuple[type, ...]) -> Json:
    query = {
        "type": "object",
        "properties": {
            "since": {
                "description": "First send what came after this revision. Several follow a collection each.",
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    {"type": "array", "items": {"type": "string", "pattern": SINCE_PATTERN}},
                ],
            },
            "epoch": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_EPOCH_LENGTH,
                "description": "Of that revision.",
            },
            "snapshot": {
                "type": "string",
                "enum": [SNAPSHOT_IN_PIECES],
                "description": "If the list is to be sent: as watchlist_snapshot_piece messages.",
            },
            "snapshot_cursor": {
                "type": "string",
                "description": "Go on with a list in pieces: the 'next' of the last piece that came.",
            },
        },
    }
    return {
        "address": PATH,
        "description": "One WebSocket per device; every message is one text message, a long one in several frames.",
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds},
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        "x-close-codes": [
            {"code": close.code, "reason": close.reason, "may_reconnect": close.may_reconnect} for close in CLOSES
        ],
    }


def _receiving(kind: type) -> Json:
    operation = {"action": "receive", "channel": _CHANNEL, "messages": [_of_channel(kind)]}
    if replies := _REPLIES[kind]:
        operation["reply"] = {"channel": _CHANNEL, "messages": [_of_channel(reply) for reply in replies]}
    return operation


def _of_channel(kind: type) -> Json:
    return {"$ref": f"#/channels/device/messages/{kind.__name__}"}


def _message(kind: type) -> Json:
    name = kind.__name__
    example = _EXAMPLES[name]
    return {
        "name": example["type"],
        "title": name,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"payload": example}],
    }
