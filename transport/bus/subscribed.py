"""The users whose messages a node wants, by channel: a message of anybody else costs one look into a dict."""

from collections.abc import Iterator

from transport.bus.channels import NAMES, channel_of


class SubscribedUsers:
    """Channel -> user. Thread: the event loop."""

    def __init__(self) -> None:
        self._users: dict[str, str] = {}

    def add(self, user_id: str) -> tuple[str, ...]:
        """Want a user's messages, and return the channels."""
        channels = _channels_of(user_id)
        self._users.update(dict.fromkeys(channels, user_id))
        return channels

    def discard(self, user_id: str) -> tuple[str, ...]:
        """Want them no more, and return the channels."""
        channels = _channels_of(user_id)
        for channel in channels:
            self._users.pop(channel, None)
        return channels

    def user_of(self, channel: str) -> str | None:
        """Return the user of this channel; ``None``: it is not wanted."""
        return self._users.get(channel)

    def __contains__(self, channel: str) -> bool:
        return channel in self._users

    def __iter__(self) -> Iterator[str]:
        """Iterate over the channels, as of now."""
        return iter(tuple(self._users))

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self._users) // len(NAMES)


def _channels_of(user_id: str) -> tuple[str, ...]:
    return tuple(channel_of(user_id, name) for name in NAMES)
