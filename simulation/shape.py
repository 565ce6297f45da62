"""What a world consists of, drawn from its seed: how many of what, and which faults may happen.

Each seed has some kinds of fault and lacks the others, so that rare combinations come up and none hides behind another.
"""

from enum import StrEnum
from random import Random
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from actors.messages.content_ids import ContentIdKind
from actors.messages.journal_reads import SLICE_ROWS
from simulation.outside.bus import Style

SMALL_STEPS: Final = 33
"""Of a small world."""
PARTS_SHARE: Final = 0.1
"""Of the small worlds that may have more than watchlists."""
BIG_SHARE: Final = 0.04
"""Of the worlds that have many nodes, of those that have many users, and so on: drawn one by one, so that the average
world stays small."""


class Fault(StrEnum):
    """What may go wrong in a world, in the order drawn."""

    BUS_LOSES = "bus loses"
    BUS_DOUBLES = "bus doubles"
    BUS_REORDERS = "bus reorders"
    BUS_OVERFLOWS = "bus overflows"
    BUS_IS_AWAY = "bus is away"
    BUS_IS_SILENT = "bus is silent"
    NETWORK_IS_LOST = "network is lost"
    NETWORK_FALLS_SILENT = "network falls silent"
    LINK_STALLS = "link stalls"
    LINK_TAKES_NOTHING = "link takes nothing"
    APP_IS_KILLED = "app is killed"
    NODE_CRASHES = "node crashes"
    NODE_DRAINS = "node drains"
    NODE_PAUSES = "node pauses"
    WRITER_DIES = "writer dies"
    DATABASE_IS_AWAY = "database is away"
    DATABASE_IS_READ_ONLY = "database is read-only"
    DATABASE_IS_RESTORED = "database is restored"
    CLOCKS_DIFFER = "clocks differ"
    CLOCKS_STEP = "clocks step"
    CALLBACKS_ARE_SHUFFLED = "callbacks are shuffled"
    FOREIGNERS_PUBLISH = "foreigners publish"
    TOKENS_END = "tokens end"
    TOKENS_ARE_REVOKED = "tokens are revoked"
    OPERATOR_DISCONNECTS = "operator disconnects"
    CLOCKS_DRIFT = "clocks drift"
    UPGRADES_ARE_REFUSED = "upgrades are refused"
    PROXIES_BUFFER = "proxies buffer"
    REQUESTS_ARE_DOUBLED = "requests are doubled"
    STREAMS_ARE_CUT = "streams are cut"


BETWEEN: Final = (Fault.UPGRADES_ARE_REFUSED, Fault.PROXIES_BUFFER, Fault.REQUESTS_ARE_DOUBLED, Fault.STREAMS_ARE_CUT)
"""Of what is between devices and the service: a world that has any has the first one of them, and in no other is there
a way beside WebSockets. The other faults are drawn for each world one by one."""
BETWEEN_SHARE: Final = 0.3
"""Of the worlds that have some."""
OUTAGES: Final = frozenset(
    {
        Fault.NODE_CRASHES,
        Fault.NODE_DRAINS,
        Fault.NODE_PAUSES,
        Fault.WRITER_DIES,
        Fault.DATABASE_IS_AWAY,
        Fault.DATABASE_IS_READ_ONLY,
        Fault.DATABASE_IS_RESTORED,
    }
)
"""Faults in which a request may stay without an answer, or get 503."""


class Shape(Struct, frozen=True, kw_only=True):
    """Of one world."""

    seed: int
    nodes: int
    users: int
    devices: int
    """Of each user."""
    contents: int
    """That a user's writes are about: few, so that they meet."""
    steps: int
    """Things that somebody does, or that go wrong."""
    pause_s: float
    """Between two steps, on average."""
    store_s: float
    """That a step of the store takes beyond the least, on average."""
    network_s: float
    """The same of a message between a client and a node."""
    style: Style
    kept: int
    """Operations of a user that the history keeps; the rest is dropped when devices may still need it."""
    content_ids: ContentIdKind
    commands: bool
    """Whether devices command each other."""
    plays: bool
    """Whether users play something, and follow how far they have come."""
    renames: bool
    """Whether devices follow which there are, and name each other."""
    slice_rows: int
    """Updates, or items of a list, that are read and sent at once."""
    faults: frozenset[Fault]
    lists: int
    """That a user has beside the watchlist and that have one author, at most."""
    follows: bool
    """Whether devices follow these, and write to another one that they share."""
    javascript: float
    """The share of devices that run the JavaScript client's core; the others run the Python client's."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What the world has beside watchlists, UUIDs and the Python client."""
        parts = {
            "lists of one author": self.lists,
            "lists on devices": self.follows,
            "progress": self.plays,
            "devices": self.renames,
            "commands": self.commands,
            "ids of any text": self.content_ids == "text",
            "JavaScript": self.javascript,
        }
        return tuple(name for name, is_there in parts.items() if is_there)

    def __str__(self) -> str:
        size = f"{self.nodes} nodes, {self.users} users with {self.devices} devices, {self.steps} steps"
        size = ", ".join((size, *self.parts))
        return f"seed {self.seed}: {size}, {self.style}; {', '.join(sorted(self.faults)) or 'no faults'}"


_PLAIN: Final[dict[str, Any]] = {"lists": 0, "follows": False, "plays": False, "renames": False}
"""Of a world whose users have a watchlist, and no other collection."""


def _between(seed: int) -> frozenset[Fault]:
    rng = Random(f"between {seed}")  # noqa: S311 - of its own: other draws stay as they are
    if rng.random() >= BETWEEN_SHARE:
        return frozenset()
    return frozenset({Fault.UPGRADES_ARE_REFUSED, *(fault for fault in BETWEEN[1:] if rng.random() < 0.5)})


def draw_shape(seed: int) -> Shape:
    """Return the shape of the world of this seed."""
    rng = Random(seed)  # noqa: S311 - repeatable is what it has to be
    share = rng.choice((0.0, 0.2, 0.4, 0.7))
    shape = Shape(
        seed=seed,
        nodes=4 if rng.random() < BIG_SHARE else rng.choice((1, 2, 2, 3)),
        users=rng.randint(6, 20) if rng.random() < BIG_SHARE else rng.randint(2, 5),
        devices=rng.randint(4, 5) if rng.random() < BIG_SHARE else rng.randint(1, 3),
        contents=rng.choice((2, 4, 8)),
        steps=rng.choice((60, 120, 200)),
        pause_s=rng.choice((0.01, 0.1, 0.5)),
        store_s=rng.choice((0.001, 0.01, 0.1)),
        network_s=rng.choice((0.001, 0.01, 0.1)),
        kept=rng.choice((3, 20, 10_000)),
        style=rng.choice(("pubnub", "nats")),
        faults=frozenset(fault for fault in Fault if fault not in BETWEEN and rng.random() < share) | _between(seed),
        lists=Random(f"lists {seed}").choice((0, 0, 1, 2)),  # noqa: S311 - of its own: other draws stay as they are
        follows=Random(f"follows {seed}").random() < 0.3,  # noqa: S311
        content_ids=Random(f"content ids {seed}").choice(("uuid", "uuid", "uuid", "text")),  # noqa: S311
        commands=Random(f"commands {seed}").random() < 0.25,  # noqa: S311
        plays=Random(f"plays {seed}").random() < 0.25,  # noqa: S311
        renames=Random(f"renames {seed}").random() < 0.25,  # noqa: S311
        slice_rows=Random(f"slices {seed}").choice((SLICE_ROWS, SLICE_ROWS, 2)),  # noqa: S311
        javascript=Random(f"javascript {seed}").choice((0.0, 0.0, 0.5, 1.0)),  # noqa: S311
    )
    # A restore takes writes back, of which the lists' author would have to know, deletions, and words on registers.
    return replace(shape, **_PLAIN) if Fault.DATABASE_IS_RESTORED in shape.faults else shape


def draw_small_shape(seed: int) -> Shape:
    """Return the shape of a small world, whose log has 200 events on average; its faults are those of the seed.

    Few have other parts. None has JavaScript: what Node uses would not be counted. None has streams and polls, so that
    the figure is that of the same worlds as before there were any.
    """
    drawn = draw_shape(seed)
    faults = drawn.faults - frozenset(BETWEEN)
    shape = replace(drawn, nodes=2, users=3, devices=1, steps=SMALL_STEPS, javascript=0.0, faults=faults)
    has_parts = Random(f"small {seed}").random() < PARTS_SHARE  # noqa: S311
    return shape if has_parts else replace(shape, **_PLAIN, commands=False)
