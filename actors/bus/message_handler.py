"""What to do with one message of the bus (step 4 in docs/architecture.md)."""

from collections.abc import Callable
from typing import assert_never

import msgspec

from actors.bus.freshness import check_age
from actors.errors import BusMessageRefused
from actors.messages import device_registers, progress
from actors.messages.bus import RemoteCommand, RemoteLists, RemoteSeen
from actors.messages.change import Position
from actors.messages.channel import (
    BusMessage,
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
from actors.messages.collections import DEVICES, PROGRESS
from actors.messages.commands import MAX_COMMAND_AGE_MS
from actors.messages.content_ids import ContentIds
from actors.messages.conversion import channel_change
from actors.messages.fanout import RelayPubNubMessage
from actors.messages.journal import DeviceWrite
from actors.messages.names import NAME_RULE, is_name
from actors.messages.watchlist import RemoteUpdate
from actors.runtime.tell import Tell
from actors.tracing import Tracer


class BroadcasterMessageHandler:
    """Hands updates of the journal and foreign writes to the user's ``WatchlistSync``, and relays everything else.

    Args:
        tell_watchlist: reaches the user's ``WatchlistSync``, started if need be.
        tell_if_active: reaches it if it runs on this node.
        broadcaster: relays what is no journaled update.
        commands: brings commands to the devices that they name.
        hints: told which devices other nodes have seen, and whose lists they have changed.
        tracer: of this node.
        content_ids: which ids are accepted.
        now_ms: the wall clock.

    Thread: the event loop.
    """

    def __init__(
        self,
        tell_watchlist: Tell[DeviceWrite],
        tell_if_active: Callable[[str, RemoteUpdate | HeadMoved], None],
        broadcaster: Tell[RelayPubNubMessage],
        commands: Tell[RemoteCommand],
        hints: Tell[RemoteSeen | RemoteLists],
        tracer: Tracer,
        content_ids: ContentIds,
        now_ms: Callable[[], int],
    ) -> None:
        self._tell_watchlist = tell_watchlist
        self._tell_if_active = tell_if_active
        self._broadcaster = broadcaster
        self._commands = commands
        self._hints = hints
        self._tracer = tracer
        self._content_ids = content_ids
        self._now_ms = now_ms

    def handle_sync_message(self, user_id: str, message: BusMessage) -> None:
        """Act on a message of the channel of a user who is active here.

        Another node's update concerns no other users: the journal has it already. A foreign publisher's write is left
        to ``handle_foreign_message``, which gets it as well, here or on another node.

        Raises:
            BusMessageRefused: ``stale``, a handoff that nobody expects any more.
        """
        match message:
            case PubNubWatchlistUpdate(revision=None) | PubNubProgressUpdate(revision=None) | PubNubDeviceHeartbeat():
                return
            case PubNubWatchlistUpdate() | PubNubProgressUpdate() | PubNubDeviceUpdate():
                self._tell_if_active(user_id, RemoteUpdate(message))
            case HeadMoved():
                self._tell_if_active(user_id, message)
            case PubNubDeviceHandoff(timestamp=timestamp):
                check_age(timestamp, self._now_ms(), MAX_COMMAND_AGE_MS)
                self._broadcaster(RelayPubNubMessage(user_id, message))
            case PubNubDeviceCommand():
                self._commands(RemoteCommand(user_id, message))
            case PubNubDevicesSeen():
                self._hints(RemoteSeen(user_id, message))
            case PubNubListsChanged():
                self._hints(RemoteLists(user_id, message))
            case _:
                assert_never(message)

    def handle_foreign_message(self, user_id: str, message: BusMessage) -> None:
        """Submit a foreign publisher's write, whether its user is active here or not; ignore everything else.

        If several nodes get it, its tag or its stamp makes them one operation.

        Raises:
            BusMessageRefused: ``malformed``, it has a name or a position that a device could not write either.
        """
        if not is_name(user_id):  # any other text might be taken for the line of a user's list
            return
        match message:
            case PubNubListUpdate():  # not documented for foreign publishers
                return
            case PubNubWatchlistUpdate(revision=None):
                self._ingest(user_id, message)
            case PubNubProgressUpdate(revision=None):
                self._ingest_progress(user_id, message)
            case PubNubDeviceHeartbeat():
                self._tell_watchlist(
                    DeviceWrite(
                        user_id=user_id,
                        device_id=message.device_id,
                        change=device_registers.description(message.device_id, message),
                        answer=None,
                        collection=DEVICES,
                    )
                )
            case _:
                return

    def _ingest_progress(self, user_id: str, message: PubNubProgressUpdate) -> None:
        change, device_id = progress.channel_change(message, self._content_ids), message.device_id
        if change is None:
            self._broadcaster(RelayPubNubMessage(user_id, message))  # which refuses it, as documented
            return
        _check_names(device_id or "unknown")  # it may be left out
        write = DeviceWrite(user_id=user_id, device_id=device_id, change=change, answer=None, collection=PROGRESS)
        self._tell_watchlist(write)

    def _ingest(self, user_id: str, message: PubNubWatchlistUpdate) -> None:
        change = channel_change(message, self._content_ids)
        if change is None:
            self._broadcaster(RelayPubNubMessage(user_id, message))  # which refuses it, as documented
            return
        removed_tags = message.unique_tags or (message.unique_tag,)
        _check_names(message.device_id, message.unique_tag, *removed_tags)
        _check_position(message.position)
        self._tell_watchlist(
            DeviceWrite(
                user_id=user_id,
                device_id=message.device_id,
                change=change,
                answer=None,
                removed_tags=removed_tags if change.action == "remove" else (),
                trace=self._tracer.accept(message.traceparent, user_id, message.device_id, "channel"),
            )
        )


def _check_names(*names: str) -> None:
    """Check names that will be stored as they are. Raises: BusMessageRefused."""
    if not all(map(is_name, names)):
        raise BusMessageRefused("malformed", f"device_id and tags: each must be {NAME_RULE}")


def _check_position(position: str | None) -> None:
    try:
        msgspec.convert(position, Position | None)
    except msgspec.ValidationError as error:
        raise BusMessageRefused("malformed", f"position: {error}") from None
