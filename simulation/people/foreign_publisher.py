"""Somebody who is no node: publishes changes on users' channels, and is told nothing but what comes by there."""

from random import Random

import msgspec
from msgspec import Struct

from actors.messages.channel import PubNubWatchlistUpdate
from simulation.clock.event_log import EventLog
from simulation.judges.witness import Witness
from simulation.outside.bus import Hub


class _Seen(Struct):
    """Of a message on a channel, what a publisher looks at."""

    type: str
    operation: str = ""
    content_id: str = ""
    unique_tag: str = ""


class ForeignPublisher:
    """Adds contents under tags of its own, and removes what it has seen, by the tags that it has seen.

    Nobody tells it what becomes of that.
    """

    def __init__(self, rng: Random, log: EventLog, hub: Hub, witness: Witness) -> None:
        self._rng = rng
        self._log = log
        self._hub = hub
        self._witness = witness
        self._seen: dict[tuple[str, str], dict[str, None]] = {}
        """By user and content: the tags that were added, as far as it knows not removed."""
        hub.observers.append(self.see)

    def see(self, user_id: str, payload: bytes) -> None:
        """Take what a node has published."""
        seen = msgspec.json.decode(payload, type=_Seen)
        if seen.type != "watchlist_update":  # nothing else is its to write
            return
        if seen.operation == "add":
            self._seen.setdefault((user_id, seen.content_id), {})[seen.unique_tag] = None
        else:
            self._seen.pop((user_id, seen.content_id), None)

    def forget(self) -> None:
        """Begin again: the database was restored, and a tag may be another add's now."""
        self._seen.clear()

    def add(self, user_id: str, content_id: str) -> None:
        """Add a content."""
        tag = f"foreign-{self._rng.getrandbits(32):08x}"
        self._witness.foreign[user_id, tag] = content_id
        self._log.note("outside", f"adds {content_id[-4:]} for {user_id} as {tag}")
        self._publish(user_id, "add", content_id, (tag,))

    def remove(self, user_id: str) -> None:
        """Remove a content that it has seen, if there is one."""
        contents = [content_id for owner, content_id in self._seen if owner == user_id]
        if contents:
            content_id = self._rng.choice(contents)
            tags = tuple(self._seen[user_id, content_id])
            self._witness.foreign_removes.setdefault((user_id, content_id), []).append(frozenset(tags))
            self._log.note("outside", f"removes {content_id[-4:]} of {user_id}: {' '.join(tags)}")
            self._publish(user_id, "remove", content_id, tags)

    def _publish(self, user_id: str, operation: str, content_id: str, tags: tuple[str, ...]) -> None:
        message = PubNubWatchlistUpdate(
            operation="add" if operation == "add" else "remove",
            content_id=content_id,
            unique_tag=tags[-1],
            unique_tags=tags if len(tags) > 1 else (),
            timestamp=None,
            device_id="outside",
        )
        self._hub.publish_from_outside(user_id, msgspec.json.encode(message))
