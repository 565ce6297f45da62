"""What the nodes of one deployment tell each other on the control channel, always signed.

New fields get defaults, so that nodes of an older release keep decoding them. No floats: a bus that parses JSON and
encodes it again may write them in another way, and the signature would not match.
"""

from typing import Annotated

from msgspec import Meta, Struct

from actors.messages.sync import NoticeLevel

NodeName = Annotated[str, Meta(min_length=1, max_length=64)]
MessageId = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=0)]


# What a node says of itself.


class NodeAnnounced(Struct, frozen=True, tag="node_announced", tag_field="type"):
    """The node runs; told every few seconds."""

    version: Annotated[str, Meta(max_length=64)]
    connections: Count
    users: Count
    uptime_s: Count


class NodeLeft(Struct, frozen=True, tag="node_left", tag_field="type"):
    """The node stops."""


# What every node is to do, or one.


class DisconnectUser(Struct, frozen=True, tag="disconnect_user", tag_field="type"):
    """Close the connections of a user, or of one of the user's devices. Answered with ``ConnectionsClosed``."""

    user_id: str
    device_id: str | None = None


class LookForRevocations(Struct, frozen=True, tag="look_for_revocations", tag_field="type"):
    """Look into the database now for tokens that were revoked. Answered with ``ConnectionsClosed``.

    The token is not named: what is not in the database is not revoked.
    """


class ShowNotice(Struct, frozen=True, tag="show_notice", tag_field="type"):
    """Show every device a line of text. Answered with ``ConnectionsNotified``."""

    message: str
    level: NoticeLevel


class ReadFigures(Struct, frozen=True, tag="read_figures", tag_field="type"):
    """Answered with ``FiguresRead``."""


class FindUser(Struct, frozen=True, tag="find_user", tag_field="type"):
    """Answered with ``UserFound``."""

    user_id: str


class ListUsers(Struct, frozen=True, tag="list_users", tag_field="type"):
    """Answered with ``UsersListed``."""


Command = DisconnectUser | LookForRevocations | ShowNotice | ReadFigures | FindUser | ListUsers


# What a node has done, or found.


class ConnectionsClosed(Struct, frozen=True, tag="connections_closed", tag_field="type"):
    """How many connections were told to close."""

    connections: Count


class ConnectionsNotified(Struct, frozen=True, tag="connections_notified", tag_field="type"):
    """How many connections were sent the notice."""

    connections: Count


class FiguresRead(Struct, frozen=True, tag="figures_read", tag_field="type"):
    """The node's figures of now."""

    figures: str
    """JSON, as text: it has floats."""


class FoundConnection(Struct, frozen=True):
    """One connection of a user's device."""

    connection_id: str
    device_id: str
    connected_at: int
    """Seconds since 1970."""


class UserFound(Struct, frozen=True, tag="user_found", tag_field="type"):
    """A user's connections, oldest first; ``left_out``: how many more there are."""

    connections: tuple[FoundConnection, ...]
    left_out: Count = 0


class ListedUser(Struct, frozen=True):
    """A user who has ``connections`` to the node."""

    user_id: str
    connections: Count


class UsersListed(Struct, frozen=True, tag="users_listed", tag_field="type"):
    """The users with a connection, longest connected first; ``left_out``: how many more there are."""

    users: tuple[ListedUser, ...]
    left_out: Count = 0


Result = ConnectionsClosed | ConnectionsNotified | FiguresRead | UserFound | UsersListed


class Answered(Struct, frozen=True, tag="answered", tag_field="type"):
    """The answer to the command that came in the message ``request_id``."""

    request_id: MessageId
    result: Result


class ControlMessage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of the control channel. It is acted on once, and only while it is fresh."""

    id: MessageId
    origin: NodeName
    """The node that sent it."""
    sent_ms: int
    """By the origin's clock, milliseconds since 1970."""
    to: NodeName | None = None
    """The node that it is for; ``None``: every node."""
    body: NodeAnnounced | NodeLeft | Command | Answered
