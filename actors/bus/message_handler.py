"""What to do with one message of the bus (documented step 4: ``BroadcasterMessageHandler``)."""

import logging
from typing import assert_never
from uuid import UUID

from actors.fanout.broadcaster import Relay
from actors.messages.connection import DeviceWrite
from actors.messages.journal import Tell
from actors.messages.sync import (
    BusMessage,
    HeadMoved,
    PubNubDeviceHandoff,
    PubNubProgressUpdate,
    PubNubWatchlistUpdate,
)
from actors.messages.watchlist import RemoteUpdate
from actors.tracing import Tracer, untraced
from actors.watchlist.active_users import ActiveUsers
from crdt.hlc import HLCTimestamp

logger = logging.getLogger(__name__)


class BroadcasterMessageHandler:
    """Hands journaled updates to the user's ``WatchlistSync`` and relays everything else.

    Thread: the event loop.
    """

    def __init__(self, users: ActiveUsers, broadcaster: Tell[Relay], tracer: Tracer | None = None) -> None:
        self._users = users
        self._broadcaster = broadcaster
        self._tracer = tracer or untraced()

    def handle_sync_message(self, user_id: str, message: BusMessage) -> None:
        """Take ``message`` of the user's channel.

        Another node's update concerns this node only if the user is active here: the journal has it already.
        A foreign publisher's is taken in as an operation, by every node that sees it; its tag makes it one.
        """
        match message:
            case PubNubWatchlistUpdate(revision=None):
                self._ingest(user_id, message)
            case PubNubWatchlistUpdate():
                watchlist = self._users.active(user_id)
                if watchlist is not None:
                    watchlist.tell(RemoteUpdate(message))
            case HeadMoved():
                watchlist = self._users.active(user_id)
                if watchlist is not None:
                    watchlist.tell(message)
            case PubNubProgressUpdate() | PubNubDeviceHandoff():
                self._broadcaster(Relay(user_id, (message,)))
            case _:
                assert_never(message)

    def _ingest(self, user_id: str, message: PubNubWatchlistUpdate) -> None:
        try:
            content_id = str(UUID(message.content_id))
        except ValueError:
            self._broadcaster(Relay(user_id, (message,)))  # which refuses it, as documented
            return
        is_add = message.operation == "add"
        self._users.watchlist(user_id).tell(
            DeviceWrite(
                user_id=user_id,
                device_id=message.device_id,
                action=message.operation,
                content_id=content_id,
                answer=None,
                tag=message.unique_tag if is_add else None,
                removed_tags=() if is_add else message.unique_tags or (message.unique_tag,),
                timestamp=message.timestamp if isinstance(message.timestamp, HLCTimestamp) else None,
                trace=self._tracer.accept(message.traceparent, user_id, message.device_id, "channel"),
            )
        )
