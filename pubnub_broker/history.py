"""Stored messages, by channel, until they are deleted or pushed out by newer ones."""

from collections import deque

from pubnub_broker.channels import Message


class History:
    """The newest ``kept`` stored messages of one keyset. Thread: the event loop."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._oldest_first: deque[Message] = deque()
        self._by_channel: dict[str, deque[Message]] = {}

    def append(self, message: Message) -> None:
        """Store ``message``; over the bound the oldest of all goes."""
        self._oldest_first.append(message)
        self._by_channel.setdefault(message.channel, deque()).append(message)
        if len(self._oldest_first) > self._kept:
            oldest = self._oldest_first.popleft()
            messages = self._by_channel.get(oldest.channel)
            if messages and messages[0] is oldest:  # else it was deleted before
                messages.popleft()
                if not messages:
                    del self._by_channel[oldest.channel]

    def newest(self, channel: str, count: int, *, before: int | None, since: int | None) -> list[Message]:
        """Return the newest ``count`` messages, oldest first: timetokens below ``before``, from ``since`` on."""
        found: list[Message] = []
        for message in reversed(self._by_channel.get(channel, ())):
            if len(found) == count or (since is not None and message.timetoken < since):
                break
            if before is None or message.timetoken < before:
                found.append(message)
        found.reverse()
        return found

    def oldest(self, channel: str, count: int, *, after: int | None, until: int | None) -> list[Message]:
        """Return the oldest ``count`` messages, oldest first: timetokens above ``after``, up to ``until``."""
        found: list[Message] = []
        for message in self._by_channel.get(channel, ()):
            if len(found) == count or (until is not None and message.timetoken > until):
                break
            if after is None or message.timetoken > after:
                found.append(message)
        return found

    def count(self, channel: str, *, after: int) -> int:
        """Return how many messages are newer than ``after``."""
        return sum(message.timetoken > after for message in self._by_channel.get(channel, ()))

    def delete(self, channel: str, *, after: int | None, until: int | None) -> None:
        """Delete the messages with timetokens above ``after``, up to ``until``; without bounds, all."""
        messages = self._by_channel.pop(channel, deque())
        left = deque(
            message
            for message in messages
            if (after is not None and message.timetoken <= after) or (until is not None and message.timetoken > until)
        )
        if left:
            self._by_channel[channel] = left
