from typing import Any

import pytest
from msgspec import structs

from actors.bus.message_handler import BroadcasterMessageHandler
from actors.errors import BusMessageRefused
from actors.messages.bus import RemoteCommand, RemoteLists, RemoteSeen
from actors.messages.change import Change
from actors.messages.channel import (
    BusMessage,
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
from actors.messages.collections import line_of
from actors.messages.commands import MAX_COMMAND_AGE_MS
from actors.messages.content_ids import TEXTS, UUIDS
from actors.messages.device_registers import description
from actors.messages.devices import DeviceFields, DeviceSeen
from actors.messages.fanout import RelayPubNubMessage
from actors.messages.journal import DeviceWrite
from actors.messages.registers import RegisterChange
from actors.messages.watchlist import RemoteUpdate
from actors.tracing import Span, Tracer, untraced
from crdt.hlc import HLCTimestamp
from tests.fakes.wall_clock import WallClock

CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
FOREIGN_ADD = PubNubWatchlistUpdate("add", CONTENT_ID.upper(), "movie-123", 1_764_000_000, "device-a")


def ignore(_: object) -> None: ...


class Users:
    """Users who are active from the start, and what they and others are told."""

    def __init__(self, *active: str) -> None:
        self.told: dict[str, list[Any]] = {user_id: [] for user_id in active}

    def tell_watchlist(self, write: DeviceWrite) -> None:
        self.told.setdefault(write.user_id, []).append(write)

    def tell_if_active(self, user_id: str, message: RemoteUpdate | HeadMoved) -> None:
        if user_id in self.told:
            self.told[user_id].append(message)


@pytest.fixture
def users() -> Users:
    return Users("ann")


@pytest.fixture
def relayed() -> list[RelayPubNubMessage]:
    return []


@pytest.fixture
def commands() -> list[RemoteCommand]:
    return []


@pytest.fixture
def hints() -> list[RemoteSeen | RemoteLists]:
    return []


@pytest.fixture
def wall_clock() -> WallClock:
    return WallClock()


@pytest.fixture
def handler(
    users: Users,
    relayed: list[RelayPubNubMessage],
    commands: list[RemoteCommand],
    hints: list[RemoteSeen | RemoteLists],
    wall_clock: WallClock,
) -> BroadcasterMessageHandler:
    return BroadcasterMessageHandler(
        users.tell_watchlist,
        users.tell_if_active,
        relayed.append,
        commands.append,
        hints.append,
        untraced(),
        UUIDS,
        wall_clock,
    )


def test_another_nodes_update_goes_to_the_users_watchlist(handler: BroadcasterMessageHandler, users: Users) -> None:
    update = PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:4", None, "tv", revision=4, origin="other")
    handler.handle_sync_message("ann", update)
    assert users.told["ann"] == [RemoteUpdate(update)]


@pytest.mark.parametrize(
    "message",
    [
        PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:4", None, "tv", revision=4, origin="other"),
        HeadMoved(4, "other"),
    ],
)
def test_a_user_who_is_not_here_is_nobodys_concern(
    handler: BroadcasterMessageHandler, users: Users, message: PubNubWatchlistUpdate | HeadMoved
) -> None:
    handler.handle_sync_message("bob", message)
    assert "bob" not in users.told


def test_a_hint_that_the_head_moved_reaches_an_active_user(handler: BroadcasterMessageHandler, users: Users) -> None:
    handler.handle_sync_message("ann", HeadMoved(9, "other"))
    assert users.told["ann"] == [HeadMoved(9, "other")]


@pytest.mark.parametrize(
    ("user_id", "message"),
    [
        (line_of("ann", "list:kids"), FOREIGN_ADD),
        ("ann", PubNubListUpdate("add", CONTENT_ID, "movie-123", None, "device-a", list="kids")),
    ],
)
def test_a_foreign_publisher_writes_to_nobodys_list(
    handler: BroadcasterMessageHandler, users: Users, user_id: str, message: PubNubWatchlistUpdate
) -> None:
    handler.handle_foreign_message(user_id, message)
    assert users.told == {"ann": []}


def test_a_foreign_add_becomes_an_operation_with_its_tag(handler: BroadcasterMessageHandler, users: Users) -> None:
    handler.handle_foreign_message("bob", FOREIGN_ADD)
    (write,) = users.told["bob"]
    assert isinstance(write, DeviceWrite)
    assert isinstance(write.change, Change)
    assert (write.user_id, write.device_id, write.change.action) == ("bob", "device-a", "add")
    assert (write.change.content_id, write.change.tag, write.removed_tags) == (CONTENT_ID, "movie-123", ())
    assert write.change.timestamp == 1_764_000_000  # a clock in another shape, which the service replaces by its own


def test_a_foreign_write_that_is_followed_goes_on_being_followed(users: Users) -> None:
    spans: list[Span] = []
    tracer = Tracer(spans.append)
    handler = BroadcasterMessageHandler(
        users.tell_watchlist, users.tell_if_active, ignore, ignore, ignore, tracer, UUIDS, WallClock()
    )
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    handler.handle_foreign_message("ann", structs.replace(FOREIGN_ADD, traceparent=traceparent))
    (write,), (span,) = users.told["ann"], spans
    assert (write.trace.trace_id, write.trace.span_id) == (span.trace_id, span.span_id)
    assert (span.stage, span.user_id, span.details) == ("accepted", "ann", {"device_id": "device-a", "via": "channel"})


def test_a_foreign_remove_takes_the_tags_it_names(handler: BroadcasterMessageHandler, users: Users) -> None:
    stamp = HLCTimestamp(1_764_000_000_000, 0, "device-a")
    handler.handle_foreign_message("ann", PubNubWatchlistUpdate("remove", CONTENT_ID, "movie-123", stamp, "device-a"))
    handler.handle_foreign_message(
        "ann", PubNubWatchlistUpdate("remove", CONTENT_ID, "b", stamp, "device-a", unique_tags=("b", "a"))
    )
    one, several = users.told["ann"]
    assert (one.change.tag, one.removed_tags, one.change.timestamp) == (None, ("movie-123",), stamp)
    assert several.removed_tags == ("b", "a")


def test_a_foreign_update_without_a_uuid_goes_to_the_broadcaster_which_refuses_it(
    handler: BroadcasterMessageHandler, users: Users, relayed: list[RelayPubNubMessage]
) -> None:
    broken = PubNubWatchlistUpdate("add", "123", "movie-123", None, "device-a")
    handler.handle_foreign_message("ann", broken)
    assert relayed == [RelayPubNubMessage("ann", broken)]
    assert users.told["ann"] == []


def test_where_any_text_is_an_id_a_foreign_write_may_have_it(users: Users, relayed: list[RelayPubNubMessage]) -> None:
    handler = BroadcasterMessageHandler(
        users.tell_watchlist, users.tell_if_active, relayed.append, ignore, ignore, untraced(), TEXTS, WallClock()
    )
    handler.handle_foreign_message("ann", PubNubWatchlistUpdate("add", "123", "movie-123", None, "device-a"))
    (write,) = users.told["ann"]
    assert write.change.content_id == "123"


def test_a_foreign_write_to_an_active_user_is_left_to_the_node_that_takes_it_in(
    handler: BroadcasterMessageHandler, users: Users
) -> None:
    handler.handle_sync_message("ann", FOREIGN_ADD)
    assert users.told["ann"] == []


@pytest.mark.parametrize(
    "message",
    [
        PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:4", None, "tv", revision=4, origin="other"),
        HeadMoved(4, "other"),
        PubNubProgressUpdate(CONTENT_ID, 1, 2, revision=4, origin="other"),
        PubNubDeviceHandoff("tv", CONTENT_ID),
    ],
)
def test_whoever_takes_in_foreign_writes_takes_in_nothing_else(
    handler: BroadcasterMessageHandler, users: Users, relayed: list[RelayPubNubMessage], message: BusMessage
) -> None:
    handler.handle_foreign_message("ann", message)
    assert (users.told["ann"], relayed) == ([], [])


def test_a_handoff_is_relayed_as_it_is(handler: BroadcasterMessageHandler, relayed: list[RelayPubNubMessage]) -> None:
    message = PubNubDeviceHandoff("tv", CONTENT_ID)
    handler.handle_sync_message("ann", message)
    assert relayed == [RelayPubNubMessage("ann", message)]


def test_a_handoff_is_relayed_while_somebody_expects_it(
    handler: BroadcasterMessageHandler, relayed: list[RelayPubNubMessage], wall_clock: WallClock
) -> None:
    sent = HLCTimestamp(wall_clock.now_ms - MAX_COMMAND_AGE_MS, 0, "device-a")
    message = PubNubDeviceHandoff("tv", CONTENT_ID, timestamp=sent)
    handler.handle_sync_message("ann", message)
    wall_clock.now_ms += 1
    with pytest.raises(BusMessageRefused) as refused:
        handler.handle_sync_message("ann", message)
    assert (refused.value.reason, relayed) == ("stale", [RelayPubNubMessage("ann", message)])


def test_a_command_goes_to_who_brings_it_to_its_device(
    handler: BroadcasterMessageHandler, commands: list[RemoteCommand], relayed: list[RelayPubNubMessage]
) -> None:
    command = PubNubDeviceCommand("tv", ChannelCommand("play"))
    handler.handle_sync_message("ann", command)
    handler.handle_foreign_message("ann", command)
    (told,) = commands
    assert (told.user_id, told.message, relayed) == ("ann", command, [])


@pytest.mark.parametrize(("user_id", "is_kept"), [("ann", True), ("ann\x1flist:kids", False)])
def test_what_a_foreign_publisher_says_of_a_device_is_written_by_the_node_that_takes_it_in(
    handler: BroadcasterMessageHandler, users: Users, user_id: str, is_kept: bool
) -> None:
    said = PubNubDeviceHeartbeat(device_id="tv", capabilities={"can_cast": True}, timestamp=1_764_000_000)
    handler.handle_sync_message(user_id, said)
    assert users.told == {"ann": []}
    handler.handle_foreign_message(user_id, said)
    kept = [(one.user_id, one.device_id, one.collection, one.change) for one in users.told["ann"]]
    change = description("tv", DeviceFields(capabilities={"can_cast": True}))
    assert kept == ([("ann", "tv", "devices", change)] if is_kept else [])


def test_what_another_node_says_of_devices_goes_to_their_user_and_who_it_has_seen_to_who_tells_of_them(
    handler: BroadcasterMessageHandler, users: Users, hints: list[RemoteSeen | RemoteLists]
) -> None:
    stamp = HLCTimestamp(1_764_000_000_000, 0, "n")
    update = PubNubDeviceUpdate(device_id="tv", operation="update", timestamp=stamp, revision=4, origin="other")
    seen = PubNubDevicesSeen((DeviceSeen("tv", is_online=True, last_seen_ms=1),), "1", "other", 2)
    changed = PubNubListsChanged("2", "other", 2)
    for handle in (handler.handle_sync_message, handler.handle_foreign_message):
        handle("ann", update)
        handle("ann", seen)
        handle("ann", changed)
    assert users.told["ann"] == [RemoteUpdate(update)]
    assert [(one.user_id, one.message) for one in hints] == [("ann", seen), ("ann", changed)]


def test_another_nodes_progress_goes_to_its_user_and_a_foreign_one_is_left_to_who_takes_it_in(
    handler: BroadcasterMessageHandler, users: Users
) -> None:
    of_node = PubNubProgressUpdate(CONTENT_ID, 1, 2, revision=4, origin="other")
    handler.handle_sync_message("ann", of_node)
    handler.handle_sync_message("ann", PubNubProgressUpdate(CONTENT_ID, 1, 2))
    assert users.told["ann"] == [RemoteUpdate(of_node)]


def test_foreign_progress_becomes_an_operation(
    handler: BroadcasterMessageHandler, users: Users, relayed: list[RelayPubNubMessage]
) -> None:
    handler.handle_foreign_message("bob", PubNubProgressUpdate(CONTENT_ID, 1.5, 2, 1_764_000_000, "device-a"))
    (write,) = users.told["bob"]
    assert isinstance(write, DeviceWrite)
    assert isinstance(write.change, RegisterChange)
    assert (write.device_id, write.collection, write.change.key) == ("device-a", "progress", CONTENT_ID)
    assert write.change.says == {"position": 1.5, "duration": 2, "state": "playing", "watched": None}
    broken = PubNubProgressUpdate("123", 1, 2)
    handler.handle_foreign_message("bob", broken)
    assert relayed == [RelayPubNubMessage("bob", broken)]
    assert users.told["bob"] == [write]


@pytest.mark.parametrize(
    "message",
    [
        structs.replace(FOREIGN_ADD, unique_tag="m" * 129),
        structs.replace(FOREIGN_ADD, operation="remove", unique_tags=("movie-123", "a\0b")),
        structs.replace(FOREIGN_ADD, device_id=""),
        structs.replace(FOREIGN_ADD, position="a" * 65),
        structs.replace(FOREIGN_ADD, position="a\n"),
        PubNubProgressUpdate(CONTENT_ID, 1.5, 2, None, "d" * 129),
    ],
)
def test_what_no_device_may_write_a_foreign_publisher_may_not_either(
    handler: BroadcasterMessageHandler, users: Users, message: BusMessage
) -> None:
    with pytest.raises(BusMessageRefused) as refused:
        handler.handle_foreign_message("ann", message)
    assert refused.value.reason == "malformed"
    assert users.told == {"ann": []}


def test_foreign_progress_need_not_say_a_device(handler: BroadcasterMessageHandler, users: Users) -> None:
    handler.handle_foreign_message("ann", PubNubProgressUpdate(CONTENT_ID, 1.5, 2))
    (write,) = users.told["ann"]
    assert write.device_id == ""
