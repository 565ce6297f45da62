"""What the HTTP API is wired with."""

import time
from collections.abc import Callable

from msgspec import Struct, field

from actors.messages.bus import ShowLists
from actors.messages.channel import HeadMoved
from actors.messages.commands import SendCommand
from actors.messages.content_ids import UUIDS, ContentIds
from actors.messages.journal import DeviceWrite, JournalMessage
from actors.metrics import IssuerMetrics, ListenerMetrics
from actors.runtime.tell import Tell
from actors.tracing import Tracer, untraced
from transport.access.authentication import Authenticator
from transport.access.limits import Quotas
from transport.access.origins import AllowedOrigins


class ApiDeps(Struct, frozen=True, eq=False):
    """What the API needs of the daemon."""

    name: str
    version: str
    authenticator: Authenticator
    quotas: Quotas
    write: Tell[DeviceWrite]
    journal: Tell[JournalMessage]
    bus_status: Callable[[], str | None]
    """Why the bus does not work at the moment; ``None``: it works."""
    prometheus: Callable[[], bytes]
    figures: Callable[[], dict[str, float]]
    """The documented figures by name; milliseconds."""
    allowed_origins: AllowedOrigins = field(default_factory=AllowedOrigins)
    """Pages from elsewhere that may use the API, as they may the WebSocket."""
    content_ids: ContentIds = UUIDS
    """Which ids of contents are accepted."""
    path_prefix: str = ""
    """Below which a proxy serves everything, ``/sync-service``; requests without it are served, too."""
    tracer: Tracer = field(default_factory=untraced)
    journal_problem: Callable[[], str | None] = lambda: None
    """What cannot be done with the journal at the moment, and why; ``None``: nothing is known."""
    issuer: IssuerMetrics = field(default_factory=IssuerMetrics)
    """Whether every token can be judged."""
    listener: ListenerMetrics = field(default_factory=ListenerMetrics)
    """When the certificate ends."""
    announce: Callable[[str, HeadMoved], None] = lambda user_id, moved: None
    """Tells those who follow a user's collection, here and on other nodes, that it has moved on."""
    show_lists: Tell[ShowLists] = lambda _: None
    """Tells those who follow which lists a user has, here and on other nodes, which these are now."""
    send_command: Tell[SendCommand] = lambda send: send.answer("not_found")
    """Brings a command to a device."""
    answer_timeout_s: float = 10.0
    """How long an actor has to answer; after that the client is asked to try again."""
    now_s: Callable[[], float] = time.monotonic
    """A monotonic clock, for quotas."""
