"""``/asyncapi.json``: WebSockets and streams as AsyncAPI 3, made from the types that are decoded and encoded there.

As AsyncAPI has it, the document speaks for the service: what it *receives* is what a device sends.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from typing import Any, Final, get_args

from actors.messages.close_codes import CLOSES
from actors.messages.content_ids import UUIDS, ContentIds
from actors.messages.device import (
    Ack,
    Authenticate,
    Authenticated,
    CommandToDevice,
    DeviceAck,
    DeviceEdit,
    DeviceHeartbeat,
    DeviceMessage,
    DeviceReply,
    Error,
    ListWrite,
    Malformed,
    Ping,
    Pong,
    ProgressWrite,
    WatchlistWrite,
)
from actors.messages.journal import Status
from actors.messages.sync import SyncMessage
from transport.access.bearer import BEARER_PREFIX
from transport.apidocs.examples import CONTENT_ID, EPOCH, STAMP
from transport.apidocs.schemas import ABOUT, schemas_of
from transport.http.streams.server_sent_events import MEDIA_TYPE, Closing
from transport.http.streams.stream_route import STREAM
from transport.websocket.handshake import PATH, SUBPROTOCOL
from transport.wire.query import MAX_EPOCH_LENGTH, MAX_POLL_S, SINCE_PATTERN, SNAPSHOT_IN_PIECES

Json = dict[str, Any]

FROM_DEVICE: Final = (*(kind for kind in get_args(DeviceMessage) if kind is not Malformed), Authenticate)
TO_DEVICE: Final = tuple(dict.fromkeys((*get_args(SyncMessage), *get_args(DeviceReply))))

_REPLIES: Final[dict[type, tuple[type, ...]]] = {
    WatchlistWrite: (Ack, Error),
    ListWrite: (Ack, Error),
    ProgressWrite: (Ack, Error),
    DeviceEdit: (Ack, Error),
    Authenticate: (Authenticated, Error),
    Ping: (Pong,),
    DeviceHeartbeat: (DeviceAck, Error),
    CommandToDevice: (DeviceAck, Error),
    Pong: (),
}

STREAMED: Final = (*(kind for kind in TO_DEVICE if kind not in {Ack, DeviceAck, Error, Authenticated, Pong}), Closing)
"""What a stream tells: all but answers to what its device cannot send, and in an event of its own how it ends."""

_TAGGED: Final = {"unique_tag": "syncd:7", "timestamp": STAMP}
_PLAYED: Final = {"state": "paused", "watched": False, "timestamp": STAMP, "device_id": "tv"}
_DEVICE: Final = {"device_name": "Living room", "device_type": "tv", "platform": "webos"}
_EXAMPLES: Final[dict[str, Json]] = {
    "WatchlistWrite": {"type": "watchlist_update", "operation": "add", "content_id": CONTENT_ID, "id": "w1"},
    "ListWrite": {
        "type": "list_update", "list": "kids", "operation": "add", "content_id": CONTENT_ID, "position": "a0",
        "data": {"note": "with subtitles"}, "id": "w3",
    },
    "ProgressWrite": {
        "type": "progress_update", "content_id": CONTENT_ID, "position_seconds": 90.5, "duration_seconds": 5400,
        "state": "paused", "id": "w4",
    },
    "DeviceEdit": {
        "type": "device_update", "device_id": "tv", "device_name": "Bedroom", "timestamp": STAMP, "id": "w5",
    },
    "Authenticate": {"type": "authenticate", "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "id": "t1"},
    "DeviceHeartbeat": {
        "type": "device_heartbeat", "device_name": "Living room", "device_type": "tv", "platform": "webos",
        "capabilities": {"max_resolution": "4k", "can_cast": True}, "id": "h1",
    },
    "CommandToDevice": {
        "type": "device_command", "target_device_id": "tv", "command_type": "seek",
        "payload": {"position_seconds": 90}, "id": "c1",
    },
    "Ping": {"type": "ping"},
    "Pong": {"type": "pong"},
    "WatchlistUpdate": {
        "type": "watchlist_update", "content_id": CONTENT_ID, "action": "add", "revision": 7, **_TAGGED,
        "device_id": "phone",
    },
    "ListUpdate": {
        "type": "list_update", "list": "kids", "content_id": CONTENT_ID, "action": "add", "revision": 7, **_TAGGED,
        "device_id": "phone", "data": {"note": "with subtitles"}, "position": "a0",
    },
    "ProgressUpdate": {
        "type": "progress_update", "content_id": CONTENT_ID, "position": 90.5, "duration": 5400, "action": "update",
        **_PLAYED, "revision": 120,
    },
    "DeviceUpdate": {
        "type": "device_update", "device_id": "tv", "action": "update", **_DEVICE, "revision": 5, "timestamp": STAMP,
    },
    "Catalogue": {"type": "lists", "lists": [{"list": "kids", "name": "For the kids"}]},
    "DeviceCommand": {"type": "device_command", "command": f"handoff:{CONTENT_ID}", "target_device": "tv"},
    "Notice": {"type": "notice", "message": "Back in five minutes.", "level": "info"},
    "Ack": {"type": "ack", "id": "w1", "status": "added", "revision": 7, **_TAGGED},
    "DeviceAck": {"type": "ack", "id": "c1", "status": "sent"},
    "Error": {
        "type": "error", "id": "w2", "code": "not_found", "field": "content_id",
        "message": "it is not in the watchlist",
    },
    "Authenticated": {"type": "authenticated", "id": "t1", "expires_at": 1764086400},
    "Resumed": {"type": "resumed", "recovered": True, "revision": 9, "epoch": EPOCH},
    "WatchlistSnapshot": {
        "type": "watchlist_snapshot", "revision": 9, "epoch": EPOCH,
        "items": [{"content_id": CONTENT_ID, **_TAGGED, "device_id": "tv"}],
    },
    "WatchlistSnapshotPiece": {
        "type": "watchlist_snapshot_piece", "revision": 9, "epoch": EPOCH, "start": True,
        "items": [{"content_id": CONTENT_ID, **_TAGGED, "device_id": "tv"}],
        "next": f"{EPOCH}.9.115605504000000000.7",
    },
    "ListSnapshot": {
        "type": "list_snapshot", "list": "kids", "revision": 9, "epoch": EPOCH,
        "items": [{"content_id": CONTENT_ID, **_TAGGED, "device_id": "tv", "position": "a0"}],
    },
    "ListSnapshotPiece": {
        "type": "list_snapshot_piece", "list": "kids", "revision": 9, "epoch": EPOCH, "start": True,
        "items": [{"content_id": CONTENT_ID, **_TAGGED, "device_id": "tv", "position": "a0"}],
    },
    "ProgressSnapshot": {
        "type": "progress_snapshot", "revision": 120, "epoch": EPOCH,
        "items": [{"content_id": CONTENT_ID, "position": 90.5, "duration": 5400, **_PLAYED}],
    },
    "ProgressSnapshotPiece": {
        "type": "progress_snapshot_piece", "revision": 120, "epoch": EPOCH, "start": True,
        "items": [{"content_id": CONTENT_ID, "position": 90.5, "duration": 5400, **_PLAYED}],
    },
    "DevicesSnapshot": {
        "type": "devices_snapshot", "revision": 5, "epoch": EPOCH,
        "items": [{"device_id": "tv", **_DEVICE, "timestamp": STAMP}],
    },
    "DevicesSnapshotPiece": {
        "type": "devices_snapshot_piece", "revision": 5, "epoch": EPOCH, "start": True,
        "items": [{"device_id": "tv", **_DEVICE, "timestamp": STAMP}],
    },
    "Goodbye": {"type": "goodbye", "reconnect_in_ms": 1500},
    "Closing": {"code": 1001, "reason": "the service is restarting"},
}  # fmt: skip


def asyncapi_document(version: str, path_prefix: str = "", content_ids: ContentIds = UUIDS) -> Json:
    """Return the document, as JSON's Python values; ``path_prefix``: below which clients find the addresses.

    Cost: milliseconds; keep it.
    """
    kinds = tuple(dict.fromkeys((*FROM_DEVICE, *TO_DEVICE, *STREAMED)))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "syncd",
            "version": version,
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "websocket": _server("ws", path_prefix, "wss behind TLS.", *_SECURITY),
            "http": _server("http", path_prefix, "https behind TLS.", "token"),
        },
        "channels": {"device": _socket(), "stream": _stream()},
        "operations": {
            "tellDevice": {
                "action": "send",
                "summary": "What a device is shown, and what it is answered.",
                **_on("device", *TO_DEVICE),
            },
            "streamToDevice": {
                "action": "send",
                "summary": "What a device is shown that has no WebSocket; it writes by POST (/openapi.json).",
                **_on("stream", *STREAMED),
                "bindings": {"http": {"method": "GET", "query": _query(poll=_POLL), "bindingVersion": "0.3.0"}},
            },
            **{f"take{kind.__name__}": _receiving(kind) for kind in FROM_DEVICE},
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": _schemas(kinds, content_ids),
            "securitySchemes": _SECURITY,
        },
    }


def _schemas(kinds: tuple[type, ...], content_ids: ContentIds) -> Json:
    schemas: Json = schemas_of(kinds, content_ids)
    refused = {Status.NOT_FOUND, Status.REFUSED}  # what became of these is told as an error
    schemas["Ack"]["properties"]["status"] = {"enum": [str(status) for status in Status if status not in refused]}
    del schemas["Status"]
    return schemas


_SECURITY: Final[dict[str, Json]] = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": f"For browsers: '{SUBPROTOCOL}, {BEARER_PREFIX}<token>'.",
    },
}
_POLL: Final = {
    "type": "integer",
    "minimum": 0,
    "maximum": MAX_POLL_S,
    "description": "End the answer with what there is to say, after at most so many seconds; needs since.",
}


def _server(protocol: str, path_prefix: str, behind_tls: str, *security: str) -> Json:
    server = {
        "host": "{host}",
        "protocol": protocol,
        "description": f"The port that serves this document; {behind_tls}",
        "variables": {"host": {"default": "127.0.0.1:8083"}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in security],
    }
    return server | ({"pathname": path_prefix} if path_prefix else {})


def _query(**more: Json) -> Json:
    """Return what both channels take in their URL, and ``more``."""
    since = {
        "description": "First send what came after this revision. Several follow a collection each.",
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "array", "items": {"type": "string", "pattern": SINCE_PATTERN}},
        ],
    }
    epoch = {"type": "string", "minLength": 1, "maxLength": MAX_EPOCH_LENGTH, "description": "Of that revision."}
    snapshot = {
        "type": "string",
        "enum": [SNAPSHOT_IN_PIECES],
        "description": "If the list is to be sent, or is shorter: as watchlist_snapshot_piece messages.",
    }
    cursor = {
        "type": "string",
        "description": "Go on with a list in pieces: the 'next' of the last piece; ignored where no list can go on.",
    }
    properties = {"since": since, "epoch": epoch, "snapshot": snapshot, "snapshot_cursor": cursor}
    return {"type": "object", "properties": properties | more}


def _socket() -> Json:
    return {
        "address": PATH,
        "description": "One WebSocket per device; every message is one text message, a long one in several frames.",
        "servers": [{"$ref": "#/servers/websocket"}],
        "messages": _messages(*FROM_DEVICE, *TO_DEVICE),
        "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
        "x-close-codes": [
            {"code": close.code, "reason": close.reason, "may_reconnect": close.may_reconnect} for close in CLOSES
        ],
    }


def _stream() -> Json:
    return {
        "address": STREAM,
        "description": (
            f"Where no WebSocket can be had: one answer of {MEDIA_TYPE}, whose events have a message each as data."
            " It ends with the event close, whose code is one of a WebSocket's, or 1000 after a poll."
        ),
        "servers": [{"$ref": "#/servers/http"}],
        "messages": _messages(*STREAMED),
    }


def _messages(*kinds: type) -> Json:
    return {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds}


def _on(channel: str, *kinds: type) -> Json:
    """Return which messages are meant, by the names that they have in ``channel``."""
    messages = [{"$ref": f"#/channels/{channel}/messages/{kind.__name__}"} for kind in kinds]
    return {"channel": {"$ref": f"#/channels/{channel}"}, "messages": messages}


def _receiving(kind: type) -> Json:
    operation = {"action": "receive", **_on("device", kind)}
    if replies := _REPLIES[kind]:
        operation["reply"] = _on("device", *replies)
    return operation


def _message(kind: type) -> Json:
    name = kind.__name__
    example = _EXAMPLES[name]
    return {
        "name": example.get("type", "close"),
        "title": name,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"payload": example}],
    }
