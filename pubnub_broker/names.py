"""What a client can subscribe to, and which of those names a channel's message reaches: itself, wildcards, groups."""

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

PRESENCE_SUFFIX = "-pnpres"
MAX_WILDCARD_DOTS = 2


class Name(NamedTuple):
    """A channel, a wildcard such as ``user.*``, or a channel group; each may end in ``-pnpres``."""

    text: str
    is_group: bool = False


def split_presence(text: str) -> tuple[str, str]:
    """Return ``text`` without its presence suffix, and the suffix or nothing."""
    base = text.removesuffix(PRESENCE_SUFFIX)
    return base, text[len(base) :]


def is_valid(text: str) -> bool:
    """Tell whether ``text`` may be subscribed to: a ``*`` only as the last part, at most two dots before its end."""
    base, _ = split_presence(text)
    if "*" not in base:
        return base != ""
    return base[-2:] == ".*" and base.count("*") == 1 and len(base) > 2 and base.count(".") <= MAX_WILDCARD_DOTS


@lru_cache(maxsize=65_536)
def _channel_and_wildcards(channel: str) -> tuple[Name, ...]:
    base, suffix = split_presence(channel)
    parts = base.split(".")
    depths = range(1, min(len(parts) - 1, MAX_WILDCARD_DOTS) + 1)
    return (Name(channel), *(Name(".".join(parts[:depth]) + ".*" + suffix) for depth in depths))


class Groups:
    """Channel groups of one keyset. A group exists as long as it has a channel."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, None]] = {}  # group -> its channels, in the order added
        self._groups: dict[str, dict[str, None]] = {}  # channel -> the groups that hold it

    def add(self, group: str, channels: Collection[str]) -> None:
        """Put ``channels`` into ``group``; those already there stay where they are."""
        for channel in channels:
            self._channels.setdefault(group, {})[channel] = None
            self._groups.setdefault(channel, {})[group] = None

    def remove(self, group: str, channels: Collection[str]) -> None:
        """Remove ``channels`` from ``group``; without channels the group is gone."""
        for channel in channels:
            _discard(self._channels, group, channel)
            _discard(self._groups, channel, group)

    def channels(self, group: str) -> list[str]:
        """Return the channels of ``group`` in the order added; an unknown group has none."""
        return list(self._channels.get(group, ()))

    def groups_of(self, channel: str) -> tuple[Name, ...]:
        """Return the groups that hold ``channel``; a presence channel's are named with the suffix too."""
        base, suffix = split_presence(channel)
        return tuple(Name(group + suffix, is_group=True) for group in self._groups.get(base, ()))

    def names_reached(self, channel: str) -> tuple[Name, ...]:
        """Return every name whose subscribers receive ``channel``: itself, its wildcards, its groups."""
        return _channel_and_wildcards(channel) + self.groups_of(channel)


def _discard(index: dict[str, dict[str, None]], key: str, value: str) -> None:
    values = index.get(key, {})
    values.pop(value, None)
    if not values:
        index.pop(key, None)
