from typing import Any

import pytest

from actors.bus.message_handler import BroadcasterMessageHandler
from actors.fanout.broadcaster import Relay
from actors.messages.connection import DeviceWrite
from actors.messages.sync import HeadMoved, PubNubDeviceHandoff, PubNubProgressUpdate, PubNubWatchlistUpdate
from actors.messages.watchlist import RemoteUpdate
from crdt.hlc import HLCTimestamp

CONTENT_ID = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
FOREIGN_ADD = PubNubWatchlistUpdate("add", CONTENT_ID.upper(), "movie-123", 1_764_000_000, "device-a")


class RecordingRef:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, message: object) -> None:
        self.told.append(message)


class Users:
    """Users who are active from the start, and those that were made active."""

    def __init__(self, *active: str) -> None:
        self.refs = {user_id: RecordingRef() for user_id in active}

    def active(self, user_id: str) -> RecordingRef | None:
        return self.refs.get(user_id)

    def watchlist(self, user_id: str) -> RecordingRef:
        return self.refs.setdefault(user_id, RecordingRef())


@pytest.fixture
def users() -> Users:
    return Users("ann")


@pytest.fixture
def relayed() -> list[Relay]:
    return []


@pytest.fixture
def handler(users: Users, relayed: list[Relay]) -> BroadcasterMessageHandler:
    return BroadcasterMessageHandler(users, relayed.append)  # type: ignore[arg-type]


def test_another_nodes_update_goes_to_the_users_watchlist(handler: BroadcasterMessageHandler, users: Users) -> None:
    update = PubNubWatchlistUpdate("add", CONTENT_ID, "syncd:4", None, "tv", revision=4, origin="other")
    handler.handle_sync_message("ann", update)
    assert users.refs["ann"].told == [RemoteUpdate(update)]


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
    assert "bob" not in users.refs


def test_a_hint_that_the_head_moved_reaches_an_active_user(handler: BroadcasterMessageHandler, users: Users) -> None:
    handler.handle_sync_message("ann", HeadMoved(9, "other"))
    assert users.refs["ann"].told == [HeadMoved(9, "other")]


def test_a_foreign_add_is_taken_in_as_an_operation_with_its_tag(
    handler: BroadcasterMessageHandler, users: Users
) -> None:
    handler.handle_sync_message("bob", FOREIGN_ADD)
    (write,) = users.refs["bob"].told
    assert isinstance(write, DeviceWrite)
    assert (write.user_id, write.device_id, write.action) == ("bob", "device-a", "add")
    assert (write.content_id, write.tag, write.removed_tags) == (CONTENT_ID, "movie-123", ())
    assert write.timestamp is None  # a clock in another shape is replaced by ours


def test_a_foreign_remove_takes_the_tags_it_names(handler: BroadcasterMessageHandler, users: Users) -> None:
    stamp = HLCTimestamp(1_764_000_000_000, 0, "device-a")
    handler.handle_sync_message("ann", PubNubWatchlistUpdate("remove", CONTENT_ID, "movie-123", stamp, "device-a"))
    handler.handle_sync_message(
        "ann", PubNubWatchlistUpdate("remove", CONTENT_ID, "b", stamp, "device-a", unique_tags=("b", "a"))
    )
    one, several = users.refs["ann"].told
    assert (one.tag, one.removed_tags, one.timestamp) == (None, ("movie-123",), stamp)
    assert several.removed_tags == ("b", "a")


def test_a_foreign_update_without_a_uuid_goes_to_the_broadcaster_which_refuses_it(
    handler: BroadcasterMessageHandler, users: Users, relayed: list[Relay]
) -> None:
    broken = PubNubWatchlistUpdate("add", "123", "movie-123", None, "device-a")
    handler.handle_sync_message("ann", broken)
    assert relayed == [Relay("ann", (broken,))]
    assert users.refs["ann"].told == []


@pytest.mark.parametrize("message", [PubNubProgressUpdate(CONTENT_ID, 1, 2), PubNubDeviceHandoff("tv", CONTENT_ID)])
def test_progress_and_handoff_are_relayed_as_they_are(
    handler: BroadcasterMessageHandler, relayed: list[Relay], message: PubNubProgressUpdate | PubNubDeviceHandoff
) -> None:
    handler.handle_sync_message("ann", message)
    assert relayed == [Relay("ann", (message,))]
