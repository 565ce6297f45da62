r"""Channel names: ``user.{user_id}.sync`` and ``user.{user_id}.devices``, reversible for every user id.

PubNub forbids ``, : * / \`` and white space in names, each ``.`` adds a level (wildcards end at two), and its SDK
leaves ``+`` in queries; NATS gives ``. * >`` a meaning. Every other character is written as ``=XX`` per UTF-8
byte, as is ``=`` itself.
"""

import re
from typing import Final, get_args

from actors.messages.channel import ChannelName

PREFIX: Final = "user."
NAMES: Final[tuple[ChannelName, ...]] = get_args(ChannelName)
MAX_CHANNEL_LENGTH = 92
"""PubNub's limit for a channel name."""
CONTROL_CHANNEL = "user.=control.sync"
"""Where nodes talk to each other. No user's: in a user's channel two hex digits follow each ``=``. Who may use the
users' channels may use it, so that it needs no subscription, and no grant, of its own.
"""

_SAFE = re.compile(r"[A-Za-z0-9_@|~-]")


def channel_of(user_id: str, name: ChannelName = "sync") -> str:
    """Return one of the user's channels."""
    encoded = "".join(
        char if _SAFE.match(char) else "".join(f"={byte:02X}" for byte in char.encode()) for char in user_id
    )
    return f"{PREFIX}{encoded}.{name}"


def user_of(channel: str) -> str | None:
    """Return the user of this channel; ``None``: it is not a user's channel."""
    named, _, name = channel.rpartition(".")
    encoded = named.removeprefix(PREFIX)
    if channel == CONTROL_CHANNEL or name not in NAMES or encoded in ("", named):
        return None
    try:
        return re.sub(r"(?:=[0-9A-F]{2})+", lambda run: bytes.fromhex(run[0].replace("=", "")).decode(), encoded)
    except UnicodeDecodeError:
        return None
