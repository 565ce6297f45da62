"""Everything one subscribe key holds: its channels, groups, history and presence."""

import time
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Raw

from pubnub_broker.channels import Channels, Message
from pubnub_broker.history import History
from pubnub_broker.names import PRESENCE_SUFFIX, Groups, Name
from pubnub_broker.presence import Presence
from pubnub_broker.timetokens import Timetokens

MESSAGES_KEPT = 100_000
"""The newest; 60 MB when each has 200 bytes (measured)."""


class Keyset:
    """One subscribe key's messages and members. Thread: the event loop."""

    def __init__(
        self,
        subscribe_key: str,
        timetokens: Timetokens,
        *,
        messages_kept: int = MESSAGES_KEPT,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.subscribe_key = subscribe_key
        self.timetokens = timetokens
        self._now_s = now_s
        self.channels = Channels(messages_kept)
        self.history = History(messages_kept)
        self.groups = Groups()
        self.presence = Presence()

    def publish(
        self,
        channel: str,
        payload: Raw,
        *,
        is_stored: bool,
        is_delivered: bool = True,
        publisher: str | None = None,
        kind: int | None = None,
        meta: Raw | None = None,
        custom_type: str | None = None,
    ) -> int:
        """Deliver and store a message; return its timetoken."""
        message = Message(
            channel=channel,
            payload=payload,
            timetoken=self.timetokens.mint(),
            reached=self.groups.names_reached(channel),
            publisher=publisher,
            kind=kind,
            meta=meta,
            custom_type=custom_type,
        )
        if is_delivered:
            self.channels.append(message)
        if is_stored:
            self.history.append(message)
        return message.timetoken

    def touch(self, names: Iterable[Name], uuid: str, timeout_s: float) -> None:
        """Keep ``uuid`` present in ``names`` for ``timeout_s``, and announce where it is new."""
        self.expire()
        for name in self.presence.touch(names, uuid, self._now_s() + timeout_s):
            self._announce("join", name, uuid)

    def leave(self, names: Iterable[Name], uuid: str) -> None:
        """Remove ``uuid`` from ``names``, and announce it."""
        for name in self.presence.leave(names, uuid):
            self._announce("leave", name, uuid)

    def expire(self) -> None:
        """Remove, and announce, whose presence timed out. Called before presence is read or kept."""
        for name, uuid in self.presence.expire(self._now_s()):
            self._announce("timeout", name, uuid)

    def set_state(self, channel: str, uuid: str, state: Raw) -> None:
        """Remember and announce what ``uuid`` says of itself on ``channel``."""
        self.presence.set_state(channel, uuid, state)
        self._announce("state-change", Name(channel), uuid, data=state)

    def occupants(self, channel: str) -> list[str]:
        """Return who is on ``channel``, directly or by a group."""
        return self.presence.occupants((Name(channel), *self.groups.groups_of(channel)))

    def channels_of(self, names: Iterable[Name]) -> list[str]:
        """Return the channels that ``names`` stand for, groups resolved, each once."""
        channels: dict[str, None] = {}
        for name in names:
            channels.update(dict.fromkeys(self.groups.channels(name.text) if name.is_group else (name.text,)))
        return list(channels)

    def _announce(self, action: str, name: Name, uuid: str, **more: Raw) -> None:
        for channel in self.channels_of([name]):
            event = {
                "action": action,
                "timestamp": time.time_ns() // 1_000_000_000,
                "uuid": uuid,
                "occupancy": len(self.occupants(channel)),
                **more,
            }
            self.publish(channel + PRESENCE_SUFFIX, Raw(msgspec.json.encode(event)), is_stored=False)
