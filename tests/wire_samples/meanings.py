"""What each recorded message means (README.md): file name -> value, by folder."""

from collections.abc import Mapping
from typing import Final

from msgspec import Raw, Struct, json, structs

from actors.messages.change import Change
from actors.messages.channel import (
    ChannelCommand,
    HeadMoved,
    PubNubDeviceCommand,
    PubNubDeviceHandoff,
    PubNubDeviceHeartbeat,
    PubNubDevicesSeen,
    PubNubDeviceUpdate,
    PubNubListsChanged,
    PubNubListUpdate,
    PubNubProgressUpdate,
    PubNubWatchlistUpdate,
)
from actors.messages.control import (
    Answered,
    Command,
    ConnectionsClosed,
    ConnectionsNotified,
    ControlMessage,
    DisconnectUser,
    FiguresRead,
    FindUser,
    FoundConnection,
    ListedUser,
    ListUsers,
    LookForRevocations,
    NodeAnnounced,
    NodeLeft,
    ReadFigures,
    Result,
    ShowNotice,
    UserFound,
    UsersListed,
)
from actors.messages.device import (
    Ack,
    Authenticate,
    Authenticated,
    CommandToDevice,
    DeviceAck,
    DeviceEdit,
    DeviceHeartbeat,
    Error,
    Goodbye,
    ListSnapshot,
    ListSnapshotPiece,
    ListWrite,
    Ping,
    Pong,
    ProgressWrite,
    Resumed,
    SnapshotItem,
    WatchlistSnapshot,
    WatchlistSnapshotPiece,
    WatchlistWrite,
)
from actors.messages.device_registers import DeviceItem, DevicesSnapshot, DevicesSnapshotPiece
from actors.messages.devices import DeviceSeen
from actors.messages.journal import Status
from actors.messages.progress import ProgressItem, ProgressSnapshot, ProgressSnapshotPiece
from actors.messages.sync import (
    Catalogue,
    DeviceCommand,
    DeviceUpdate,
    ListName,
    ListUpdate,
    Notice,
    ProgressUpdate,
    WatchlistUpdate,
)
from crdt.hlc import HLCTimestamp
from transport.figures.stats import (
    BusStats,
    CollectionStats,
    DeviceStats,
    JournalStats,
    LatencyStats,
    NodeStats,
)
from transport.http.exchange.requests import BulkRequest, DeviceRequest, HandoffRequest, ListRequest
from transport.http.exchange.responses import (
    BulkResponse,
    CommandResponse,
    DevicesResponse,
    HandoffResponse,
    Health,
    LastActivities,
    ListedDevice,
    ListedItem,
    ListedProgress,
    ListsResponse,
    NamedList,
    ProgressPage,
    ProgressResponse,
    Readiness,
    WatchlistChanges,
    WatchlistPage,
    WriteResponse,
)
from transport.http.routes.admin import DisconnectRequest, NoticeRequest, RevokeRequest
from transport.http.routes.admin_answers import (
    DeploymentStats,
    DeviceConnection,
    Disconnected,
    NodeEntry,
    NodeUser,
    NodeUsers,
    Notified,
    UserCollection,
    UserConnections,
    UserDevice,
)
from transport.wire.problems import ProblemDetails

USER: Final = "ann"
"""On whose channel the bus messages are."""
BUS_KEY: Final = b"the bus key of the samples, long enough"

FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000001"
OTHER_FILM = "0b0e6a4e-52a5-4a5b-9a1f-000000000002"
STAMP = HLCTimestamp(1_764_000_000_000, 3, "a1b2c3d4")
FOLLOWED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CAPABILITIES = {"max_resolution": "4k", "hdr_support": ["hdr10"], "audio_codecs": ["aac"], "can_cast": True}
DEVICE = DeviceItem(
    device_id="tv",
    device_name="Zoë's TV ☃",
    device_type="tv",
    platform="webos",
    capabilities=CAPABILITIES,
    timestamp=STAMP,
)
DATA = {"note": "with Zoë ☃", "stars": 4.5}
LATENCY = LatencyStats(0.5, 0.25, 1.5, 12.75)

PLAYED = ProgressItem(
    content_id=FILM, position=90.5, duration=5_400, state="paused", watched=False, timestamp=STAMP, device_id="tv"
)

FROM_DEVICES: Final[Mapping[str, Struct]] = {
    "watchlist_update.all": WatchlistWrite("add", FILM, "op-1", "tv:1", 6, STAMP, id="w1", traceparent=FOLLOWED),
    "watchlist_update.required": WatchlistWrite("remove", FILM),
    "watchlist_update.id-is-a-number": WatchlistWrite("add", FILM, id=1),
    "watchlist_update.timestamp-is-a-number": WatchlistWrite("add", FILM, timestamp=1_764_000_000),
    "watchlist_update.unknown-field": WatchlistWrite("add", FILM),
    "watchlist_update.all-with-data": WatchlistWrite(
        "add", FILM, "op-1", "tv:1", 6, STAMP, DATA, "a0", id="w1", traceparent=FOLLOWED
    ),
    "list_update.all": ListWrite(
        "add", FILM, "op-1", "tv:1", 6, STAMP, DATA, "a0", id="w1", traceparent=FOLLOWED, list="kids"
    ),
    "list_update.required": ListWrite("remove", FILM, list="kids"),
    "progress_update.all": ProgressWrite(
        FILM, 90.5, 5_400, "paused", True, "remove", "op-1", STAMP, id="w1", traceparent=FOLLOWED
    ),
    "progress_update.required": ProgressWrite(FILM, 90),
    "progress_update.remove": ProgressWrite(FILM, operation="remove"),
    "device_update.all": DeviceEdit(
        device_id="tv",
        operation="remove",
        device_name="Zoë's TV ☃",
        device_type="tv",
        platform="webos",
        capabilities=CAPABILITIES,
        operation_id="op-1",
        timestamp=STAMP,
        id="w1",
        traceparent=FOLLOWED,
    ),
    "device_update.required": DeviceEdit(device_id="tv"),
    "authenticate.all": Authenticate("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "t1"),
    "authenticate.required": Authenticate("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"),
    "device_heartbeat": DeviceHeartbeat(),
    "device_heartbeat.unknown-field": DeviceHeartbeat(capabilities={"hdr": ["hdr10"]}),
    "device_heartbeat.all": DeviceHeartbeat(
        device_name="Zoë's TV ☃", device_type="tv", platform="webos", capabilities=CAPABILITIES, id="h1"
    ),
    "device_command.all": CommandToDevice("tv", "seek", {"position_seconds": 90.5}, "c1"),
    "device_command.required": CommandToDevice("tv", "play"),
    "ping": Ping(),
    "pong": Pong(),
}

TO_DEVICES: Final[Mapping[str, Struct]] = {
    "watchlist_update.all": WatchlistUpdate(FILM, "add", 7, "syncd:7", STAMP, "phone ☃", FOLLOWED),
    "watchlist_update.required": WatchlistUpdate(FILM, "remove"),
    "watchlist_update.all-with-data": WatchlistUpdate(
        FILM, "add", 7, "syncd:7", STAMP, "phone ☃", FOLLOWED, DATA, "a0"
    ),
    "list_update.all": ListUpdate(FILM, "add", 7, "syncd:7", STAMP, "phone ☃", FOLLOWED, DATA, "a0", list="kids"),
    "list_update.required": ListUpdate(FILM, "remove", list="kids"),
    "progress_update": ProgressUpdate(FILM, 90, 5_400),
    "progress_update.all": ProgressUpdate(
        FILM, 90.5, 5_400, "update", "paused", watched=True, revision=7, timestamp=STAMP, device_id="phone ☃"
    ),
    "progress_snapshot": ProgressSnapshot(revision=9, epoch="9f86d081", items=(PLAYED,)),
    "progress_snapshot_piece.all": ProgressSnapshotPiece(
        revision=9, epoch="9f86d081", start=True, items=(PLAYED,), next="9f86d081.9.115605504000000003.7"
    ),
    "progress_snapshot_piece.required": ProgressSnapshotPiece(revision=9, epoch="9f86d081", items=()),
    "device_update.required": DeviceUpdate(device_id="tv"),
    "device_update.all": DeviceUpdate(
        device_id="tv",
        action="update",
        device_name="Zoë's TV ☃",
        device_type="tv",
        platform="webos",
        capabilities=CAPABILITIES,
        revision=7,
        timestamp=STAMP,
        is_online=True,
        last_seen="2025-11-24T16:00:00.250+00:00",
    ),
    "device_update.hint": DeviceUpdate(device_id="tv", is_online=False, last_seen="2025-11-24T16:00:00.250+00:00"),
    "lists.all": Catalogue((ListName("kids", "Zoë's films ☃"), ListName("later", "later")), left_out=3),
    "lists.required": Catalogue(()),
    "devices_snapshot": DevicesSnapshot(revision=9, epoch="9f86d081", items=(DEVICE,)),
    "devices_snapshot_piece.all": DevicesSnapshotPiece(
        revision=9, epoch="9f86d081", start=True, items=(DEVICE,), next="9f86d081.9.115605504000000003.7"
    ),
    "devices_snapshot_piece.required": DevicesSnapshotPiece(revision=9, epoch="9f86d081", items=()),
    "device_command.all": DeviceCommand(f"handoff:{FILM}", "tv"),
    "device_command.required": DeviceCommand("play"),
    "device_command.all-with-payload": DeviceCommand("seek", "tv", 90.5, {"position_seconds": 90.5}, "phone ☃"),
    "ack.device.all": DeviceAck(id="c1", status="sent"),
    "ack.device.required": DeviceAck(status="updated"),
    "notice": Notice("Back in five minutes.", "info"),
    "ack.all": Ack(id="w1", status=Status.ADDED, revision=7, unique_tag="syncd:7", timestamp=STAMP),
    "ack.required": Ack(status=Status.EXISTING),
    "error.all": Error(
        id=2, code="try_again_later", field="content_id", message="The journal is unavailable.", retry_after_ms=1_500
    ),
    "error.quota-exceeded": Error(id="w1", code="quota_exceeded", field="tag", message="Too many gaps."),
    "error.required": Error(code="malformed", message="The message is not JSON."),
    "authenticated.all": Authenticated(id="t1", expires_at=1_764_086_400),
    "authenticated.required": Authenticated(expires_at=1_764_086_400),
    "resumed.all": Resumed(recovered=False, revision=9, epoch="9f86d081", reason="history_pruned"),
    "resumed.all-with-list": Resumed(
        recovered=False, revision=9, epoch="9f86d081", reason="history_pruned", list="kids"
    ),
    "resumed.all-with-collection": Resumed(
        recovered=False, revision=9, epoch="9f86d081", reason="history_pruned", list="kids", collection="progress"
    ),
    "resumed.progress": Resumed(recovered=True, revision=9, epoch="9f86d081", collection="progress"),
    "resumed.required": Resumed(recovered=True, revision=9, epoch="9f86d081"),
    "watchlist_snapshot": WatchlistSnapshot(
        revision=9,
        epoch="9f86d081",
        items=(SnapshotItem(content_id=FILM, unique_tag="syncd:7", timestamp=STAMP, device_id="tv"),),
    ),
    "watchlist_snapshot_piece.all": WatchlistSnapshotPiece(
        revision=9,
        epoch="9f86d081",
        start=True,
        items=(SnapshotItem(content_id=FILM, unique_tag="syncd:7", timestamp=STAMP, device_id="tv"),),
        next="9f86d081.9.115605504000000003.7",
    ),
    "watchlist_snapshot_piece.required": WatchlistSnapshotPiece(revision=9, epoch="9f86d081", items=()),
    "list_snapshot": ListSnapshot(
        list="kids",
        revision=9,
        epoch="9f86d081",
        items=(
            SnapshotItem(
                content_id=FILM, unique_tag="syncd:7", timestamp=STAMP, device_id="tv", data=DATA, position="a0"
            ),
        ),
    ),
    "list_snapshot_piece.all": ListSnapshotPiece(
        revision=9,
        epoch="9f86d081",
        start=True,
        items=(SnapshotItem(content_id=FILM, unique_tag="syncd:7", timestamp=STAMP, device_id="tv"),),
        next="9f86d081.9.115605504000000003.7",
        list="kids",
    ),
    "list_snapshot_piece.required": ListSnapshotPiece(revision=9, epoch="9f86d081", items=(), list="kids"),
    "goodbye": Goodbye(1_500),
    "pong": Pong(),
}

DEVICE_UPDATES: Final[Mapping[str, Struct]] = {
    "device_update.all": PubNubDeviceUpdate(
        device_id="tv",
        operation="update",
        device_name="Zoë's TV ☃",
        device_type="tv",
        platform="webos",
        capabilities='{"stars":4.5}',
        timestamp=STAMP,
        revision=7,
        origin="a1b2c3d4",
        epoch="9f86d081",
    ),
    "device_update.required": PubNubDeviceUpdate(
        device_id="tv", operation="remove", timestamp=STAMP, revision=7, origin="a1b2c3d4"
    ),
}
BUS: Final[Mapping[str, Struct]] = {
    "watchlist_update.all": PubNubWatchlistUpdate(
        "remove", FILM, "syncd:7", STAMP, "phone ☃", ("syncd:7", "syncd:3"), 8, "a1b2c3d4", FOLLOWED
    ),
    "watchlist_update.all-with-epoch": PubNubWatchlistUpdate(
        "remove", FILM, "syncd:7", STAMP, "phone ☃", ("syncd:7", "syncd:3"), 8, "a1b2c3d4", FOLLOWED, "9f86d081"
    ),
    "watchlist_update.required": PubNubWatchlistUpdate("add", FILM, "syncd:7", STAMP, "phone"),
    "progress_update.all": PubNubProgressUpdate(FILM, 90, 5_400, STAMP, "phone"),
    "progress_update.least": PubNubProgressUpdate(FILM, 90, 5_400),
    "progress_update.all-with-revision": PubNubProgressUpdate(
        FILM,
        90.5,
        5_400,
        STAMP,
        "phone ☃",
        "update",
        "paused",
        watched=True,
        revision=8,
        origin="a1b2c3d4",
        epoch="9f86d081",
    ),
    "device_handoff.all": PubNubDeviceHandoff("tv", FILM, 90, STAMP),
    "device_handoff.required": PubNubDeviceHandoff("tv", FILM),
    "head_moved": HeadMoved(9, "a1b2c3d4"),
    "head_moved.all": HeadMoved(9, "a1b2c3d4", "9f86d081"),
    "head_moved.all-with-collection": HeadMoved(9, "a1b2c3d4", "9f86d081", "list:kids"),
    "watchlist_update.all-with-data": PubNubWatchlistUpdate(
        "add", FILM, "syncd:7", STAMP, "phone ☃", ("syncd:7",), 8, "a1b2c3d4", FOLLOWED, "9f86d081", DATA, "a0"
    ),
    "list_update.all": PubNubListUpdate(
        "add",
        FILM,
        "syncd:7",
        STAMP,
        "phone ☃",
        ("syncd:7",),
        8,
        "a1b2c3d4",
        FOLLOWED,
        "9f86d081",
        DATA,
        "a0",
        list="kids",
    ),
    "list_update.required": PubNubListUpdate("add", FILM, "syncd:7", STAMP, "phone", list="kids"),
    "device_command.all": PubNubDeviceCommand(
        "tv",
        ChannelCommand("seek", 90.5, FILM, '{"position_seconds":90.5}'),
        STAMP,
        "phone ☃",
        "0af7651916cd43dd",
        "a1b2c3d4",
        1_764_000_000_000,
    ),
    "device_command.required": PubNubDeviceCommand("tv", ChannelCommand("play")),
    "device_heartbeat.all": PubNubDeviceHeartbeat(
        device_id="tv",
        timestamp=STAMP,
        device_name="Zoë's TV ☃",
        device_type="tv",
        platform="webos",
        capabilities=CAPABILITIES,
    ),
    "device_heartbeat.required": PubNubDeviceHeartbeat(device_id="tv"),
    **DEVICE_UPDATES,
    "devices_seen": PubNubDevicesSeen(
        (DeviceSeen("tv", is_online=True, last_seen_ms=1_764_000_000_250),),
        "0af7651916cd43dd",
        "a1b2c3d4",
        1_764_000_000_500,
    ),
    "lists_changed": PubNubListsChanged("0af7651916cd43dd", "a1b2c3d4", 1_764_000_000_500),
}

BUS_FOREIGN: Final[Mapping[str, Struct]] = {
    "watchlist_update.all": PubNubWatchlistUpdate(
        "remove", FILM, "movie-123", STAMP, "phone", ("movie-123", "movie-7"), 8, "a1b2c3d4", FOLLOWED
    ),
    "watchlist_update.all-with-epoch": PubNubWatchlistUpdate(
        "remove", FILM, "movie-123", STAMP, "phone", ("movie-123", "movie-7"), 8, "a1b2c3d4", FOLLOWED, "9f86d081"
    ),
    "watchlist_update.required": PubNubWatchlistUpdate("add", FILM, "movie-123", None, "phone"),
    "watchlist_update.timestamp-is-a-number": PubNubWatchlistUpdate("add", FILM, "movie-123", 1_764_000_000, "phone"),
    "watchlist_update.unknown-field": PubNubWatchlistUpdate("add", FILM, "movie-123", STAMP, "phone"),
    "watchlist_update.all-with-data": PubNubWatchlistUpdate(
        "add", FILM, "movie-123", STAMP, "phone", ("movie-123",), 8, "a1b2c3d4", FOLLOWED, "9f86d081", DATA, "a0"
    ),
    "list_update.all": PubNubListUpdate(
        "add",
        FILM,
        "movie-123",
        STAMP,
        "phone",
        ("movie-123",),
        8,
        "a1b2c3d4",
        FOLLOWED,
        "9f86d081",
        DATA,
        "a0",
        list="kids",
    ),
    "list_update.required": PubNubListUpdate("add", FILM, "movie-123", None, "phone", list="kids"),
    "progress_update.all": PubNubProgressUpdate(FILM, 90, 5_400, 1_764_000_000, "phone"),
    "progress_update.all-with-revision": PubNubProgressUpdate(
        FILM, 90.5, 5_400, STAMP, "phone", "remove", "stopped", True, 8, "a1b2c3d4", "9f86d081"
    ),
    "progress_update.required": PubNubProgressUpdate(FILM, 90, 5_400),
    "device_handoff.all": PubNubDeviceHandoff("tv", FILM, 90, 1_764_000_000),
    "device_handoff.required": PubNubDeviceHandoff("tv", FILM),
    **DEVICE_UPDATES,
    "device_heartbeat.documented": PubNubDeviceHeartbeat(
        device_id="tv", capabilities=CAPABILITIES, timestamp=1_764_000_000
    ),
    "device_command.seek": PubNubDeviceCommand("tv", ChannelCommand("seek", 90), 1_764_000_000),
    "device_command.cast": PubNubDeviceCommand("tv", ChannelCommand("cast", content_id=FILM), STAMP),
}


def _said(body: NodeAnnounced | NodeLeft | Command, to: str | None = None) -> ControlMessage:
    return ControlMessage(id="0af7651916cd43dd", origin="a1b2c3d4", sent_ms=1_764_000_000_000, to=to, body=body)


def _answered(result: Result) -> ControlMessage:
    answered = Answered("0af7651916cd43dd", result)
    return ControlMessage(
        id="b7ad6b7169203331", origin="d4c3b2a1", sent_ms=1_764_000_000_250, to="a1b2c3d4", body=answered
    )


CONTROL: Final[Mapping[str, Struct]] = {
    "node_announced": _said(NodeAnnounced("0.1.0", 3, 2, 12)),
    "node_left": _said(NodeLeft()),
    "disconnect_user.all": _said(DisconnectUser(USER, "tv")),
    "disconnect_user.required": _said(DisconnectUser(USER)),
    "look_for_revocations": _said(LookForRevocations()),
    "show_notice": _said(ShowNotice("Back in five minutes ☃.", "warning")),
    "read_figures": _said(ReadFigures()),
    "find_user": _said(FindUser(USER)),
    "list_users": _said(ListUsers(), to="d4c3b2a1"),
    "connections_closed": _answered(ConnectionsClosed(2)),
    "connections_notified": _answered(ConnectionsNotified(3)),
    "figures_read": _answered(FiguresRead('{"node":"d4c3b2a1"}')),
    "user_found.all": _answered(UserFound((FoundConnection("c0ffee", "tv", 1_764_000_000),), 7)),
    "user_found.required": _answered(UserFound(())),
    "users_listed.all": _answered(UsersListed((ListedUser(USER, 2),), 7)),
    "users_listed.required": _answered(UsersListed(())),
}

HTTP_REQUESTS: Final[Mapping[str, Struct]] = {
    "write.all": Change("add", FILM, "op-1", "tv:1", 6, STAMP),
    "write.required": Change("remove", FILM),
    "write.unknown-field": Change("add", FILM),
    "write.all-with-data": Change("add", FILM, "op-1", "tv:1", 6, STAMP, DATA, "a0"),
    "list": ListRequest("For the kids ☃"),
    "device.all": DeviceRequest(
        device_name="Zoë's TV ☃", device_type="tv", platform="webos", capabilities=CAPABILITIES
    ),
    "device.required": DeviceRequest(),
    "handoff": HandoffRequest("tv", FILM),
    "bulk": BulkRequest([Raw(b'{"operation":"add","content_id":"' + FILM.encode() + b'"}'), Raw(b"{}")]),
    "bulk.list": BulkRequest([Raw(b'{"operation":"add","content_id":"' + FILM.encode() + b'","list":"kids"}')]),
    "bulk.empty": BulkRequest([]),
    "admin-disconnect.all": DisconnectRequest(USER, "tv"),
    "admin-disconnect.required": DisconnectRequest(USER),
    "admin-revoke.all": RevokeRequest("a token's jti", 1_764_086_400),
    "admin-revoke.required": RevokeRequest("a token's jti"),
    "admin-notice.all": NoticeRequest("Back in five minutes ☃.", "warning"),
    "admin-notice.required": NoticeRequest("Back in five minutes."),
}

WRITTEN = WriteResponse(
    success=True,
    operation="add",
    content_id=FILM,
    status=Status.ADDED,
    unique_tag="syncd:7",
    timestamp=STAMP,
    revision=7,
    detail="why it was refused",
)


STATS = NodeStats(
    node="a1b2c3d4",
    version="0.1.0",
    time=1_764_000_000.25,
    uptime_s=12.5,
    connections=3,
    users=2,
    active_watchlists=2,
    messages_relayed=7,
    messages_sent=21,
    broadcast_latency=LATENCY,
    write_latency=LATENCY,
    journal=JournalStats("the disk is full", 7, 5, 1, LATENCY),
    bus=BusStats(None, 7, 8, 1, 2, 0, 1),
    writes={"added": 5, "refused": 1},
    refusals={"messages": 1},
    closes={1001: 2, 4001: 1},
)
STATS_BY_KIND = structs.replace(
    STATS,
    devices=DeviceStats(2, {"sent": 3}),
    collections={"watchlist": CollectionStats(3, {"added": 2}), "list": CollectionStats(4, {"added": 3})},
)


def _encoded(update: WatchlistUpdate) -> Raw:
    return Raw(json.encode(update))


HTTP_ANSWERS: Final[Mapping[str, Struct]] = {
    "write.all": WRITTEN,
    "write.quota-exceeded": WriteResponse(
        success=False,
        operation="add",
        content_id=FILM,
        status=Status.REFUSED,
        detail="The list is full.",
        code="quota_exceeded",
        field="content_id",
    ),
    "write.all-with-code": structs.replace(WRITTEN, code="quota_exceeded", field="content_id"),
    "write.required": WriteResponse(success=False, status=Status.NOT_FOUND),
    "write.all-of-registers": structs.replace(
        WRITTEN, collection="progress", device_id="tv", code="quota_exceeded", field="content_id"
    ),
    "bulk.registers": BulkResponse(
        [
            WriteResponse(
                success=True,
                operation="update",
                collection="progress",
                content_id=FILM,
                status=Status.SUPERSEDED,
                timestamp=STAMP,
                revision=7,
            ),
            WriteResponse(
                success=False,
                operation="remove",
                collection="devices",
                device_id="tv",
                status=Status.NOT_FOUND,
            ),
        ]
    ),
    "bulk": BulkResponse([WRITTEN, WriteResponse(success=True, status=Status.EXISTING)]),
    "watchlist.all": WatchlistPage(
        revision=9,
        epoch="9f86d081",
        items=[ListedItem(FILM, "2025-11-24T16:00:00.000+00:00", "phone ☃")],
        next="OS4xMjM",
        reason="history_pruned",
    ),
    "watchlist.required": WatchlistPage(revision=0, epoch="9f86d081", items=[]),
    "watchlist-changes.all": WatchlistChanges(
        revision=7,
        epoch="9f86d081",
        changes=[_encoded(WatchlistUpdate(FILM, "add", 7, "syncd:7", STAMP, "phone", FOLLOWED))],
        has_more=True,
    ),
    "watchlist-changes.required": WatchlistChanges(
        revision=7, epoch="9f86d081", changes=[_encoded(WatchlistUpdate(OTHER_FILM, "remove"))]
    ),
    "list.all": WatchlistPage(
        revision=9,
        epoch="9f86d081",
        items=[ListedItem(FILM, "2025-11-24T16:00:00.000+00:00", "phone ☃", DATA, "a0")],
        next="OS4xMjM",
        reason="history_pruned",
    ),
    "lists": ListsResponse("9f86d081", (NamedList("kids", "For the kids ☃", 9),)),
    "devices": DevicesResponse(
        (
            ListedDevice(
                device_id="tv",
                device_type="tv",
                platform="webos",
                is_online=True,
                last_seen="2025-11-24T16:00:00.000+00:00",
                device_name="Zoë's TV ☃",
                capabilities=CAPABILITIES,
            ),
            ListedDevice(
                device_id="phone",
                device_type="unknown",
                platform="unknown",
                is_online=False,
                last_seen="2025-11-24T16:00:00.000+00:00",
                device_name="phone",
            ),
        ),
        2,
    ),
    "command": CommandResponse(success=True, target_device_id="tv", command_type="seek", status="sent"),
    "handoff": HandoffResponse(success=True, target_device_id="tv", content_id=FILM, position_seconds=90.5),
    "progress.written": ProgressResponse(
        success=True,
        content_id=FILM,
        status=Status.UPDATED,
        position_seconds=90.5,
        completion_percent=1.7,
        timestamp=STAMP,
        revision=7,
        watched=False,
    ),
    "progress.all": ProgressPage(
        revision=9,
        epoch="9f86d081",
        items=[ListedProgress(FILM, 90.5, 5_400, "paused", False, 1.7, "2025-11-24T16:00:00.000+00:00", "phone ☃")],
        next="9f86d081.9.115605504000000003.7",
        reason="history_pruned",
    ),
    "progress.required": ProgressPage(revision=0, epoch="9f86d081", items=[]),
    "last-activities": LastActivities(9, "9f86d081"),
    "last-activities.lists": LastActivities(9, "9f86d081", {"kids": 3}),
    "last-activities.all": LastActivities(9, "9f86d081", {"kids": 3}, 120),
    "last-activities.progress": LastActivities(9, "9f86d081", progress=120),
    "health": Health("healthy", "syncd", "0.1.0"),
    "ready": Readiness("not ready", {"journal": "the disk is full"}),
    "problem": ProblemDetails(
        title="Not Found", status=404, detail="There is no such page.", error="There is no such page."
    ),
    "problem.quota-exceeded": ProblemDetails(
        title="Conflict",
        status=409,
        detail="The list is full.",
        error="The list is full.",
        code="quota_exceeded",
        field="content_id",
    ),
    "admin-disconnect.nodes": Disconnected(2, nodes=2, known=3),
    "admin-notice.nodes": Notified(3, nodes=3, known=3),
    "admin-users.nodes": UserConnections(
        USER, [DeviceConnection("c0ffee", "tv", "2025-11-24T16:00:00+00:00", "d4c3b2a1")], 7, nodes=2, known=3
    ),
    "admin-users.kept": UserConnections(
        USER,
        [],
        0,
        nodes=1,
        known=1,
        collections=[UserCollection("watchlist", 7), UserCollection("list:kids", 3, "Kids")],
        devices=[
            UserDevice("tv", ("a1b2c3d4",), "2025-11-24T16:00:00.000+00:00", "TV"),
            UserDevice("phone", (), "2025-11-24T15:00:00.000+00:00"),
        ],
    ),
    "admin-node": NodeUsers("a1b2c3d4", [NodeUser(USER, 2)], 7),
    "admin-stats": STATS,
    "admin-stats.collections": STATS_BY_KIND,
    "admin-stats.engine": structs.replace(STATS, bus=structs.replace(STATS.bus, engine="nats")),
    "admin-stats.devices": structs.replace(STATS, devices=DeviceStats(2, {"sent": 3})),
    "admin-stats.reads-and-handoffs": structs.replace(
        STATS,
        devices=DeviceStats(2, {"sent": 3, "not_found": 1}, {"sent": 2}, waiting=4, leases_lost=5),
        collections={"progress": CollectionStats(3, {"updated": 2}, reads=6)},
    ),
    "admin-stats.nodes-and-collections": DeploymentStats(
        **structs.asdict(STATS_BY_KIND),
        nodes=[NodeEntry("a1b2c3d4", "0.1.0", True, 3, 2, 12.5, 0.0, STATS_BY_KIND)],
    ),
    "admin-stats.nodes": DeploymentStats(
        **structs.asdict(STATS),
        nodes=[
            NodeEntry("a1b2c3d4", "0.1.0", True, 3, 2, 12.5, 0.0, STATS),
            NodeEntry("d4c3b2a1", "0.1.0", False, 7, 5, 86_400.0, 4.5, None),
        ],
    ),
    "admin-stats.nodes-with-devices": DeploymentStats(
        **structs.asdict(structs.replace(STATS, devices=DeviceStats(2, {"sent": 3}))),
        nodes=[
            NodeEntry("a1b2c3d4", "0.1.0", True, 3, 2, 12.5, 0.0, STATS),
            NodeEntry("d4c3b2a1", "0.1.0", False, 7, 5, 86_400.0, 4.5, None),
        ],
    ),
}
