r"""Channel names: ``user.{user_id}.sync``, reversible for every user id.

PubNub forbids ``, : * / \`` and white space in names, each ``.`` adds a level (wildcards end at two), and its SDK
leaves ``+`` in queries; NATS gives ``. * >`` a meaning. Every other character is written as ``=XX`` per UTF-8
byte, as is ``=`` itself.
"""

import re

PREFIX = "user."
SUFFIX = ".sync"
MAX_CHANNEL_LENGTH = 92
"""PubNub's limit for a channel name."""
CONTROL_CHANNEL = "user.=control.sync"
"""Where nodes talk to each other. No user's: in a user's channel two hex digits follow each ``=``. Who may use the
users' channels may use it, so that it needs no subscription, and no grant, of its own.
"""

_SAFE = re.compile(r"[A-Za-z0-9_@|~-]")


def channel_of(user_id: str) -> str:
    """Return the user's channel."""
    encoded = "".join(
        char if _SAFE.match(char) else "".join(f"={byte:02X}" for byte in char.encode()) for char in user_id
    )
    return f"{PREFIX}{encoded}{SUFFIX}"


def user_of(channel: str) -> str | None:
    """Return the user of this channel; ``None``: it is not a user's channel."""
    if channel == CONTROL_CHANNEL or not (channel.startswith(PREFIX) and channel.endswith(SUFFIX)):
        return None
    encoded = channel[len(PREFIX) : -len(SUFFIX)]
    if not encoded:
        return None
    try:
        return re.sub(r"(?:=[0-9A-F]{2})+", lambda run: bytes.fromhex(run[0].replace("=", "")).decode(), encoded)
    except UnicodeDecodeError:
        return None
