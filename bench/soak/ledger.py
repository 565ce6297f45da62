"""What the service has told whom, and every wrong that was found."""

import secrets
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID

from transport.access.minting import mint

USERS: Final = tuple(f"user-{number}" for number in range(20))
SECRET: Final = secrets.token_urlsafe(48)
WATCHLIST: Final = "/api/v1/sync/watchlist"
BULK: Final = "/api/v1/sync/operations"

FIRST_FOREIGN_FILM: Final = 1 << 32
"""From here on contents are added by foreign publishers, who are told no revision."""


def film(number: int) -> str:
    """Return a content id."""
    return str(UUID(int=number))


@cache
def bearer(user: str, device: str) -> dict[str, str]:
    """Return the header that lets a device in."""
    return {"Authorization": f"Bearer {token(user, device)}"}


def token(user: str, device: str) -> str:
    """Return a token of a device."""
    return mint(SECRET, user, device, 7 * 86_400)


class Change(NamedTuple):
    """A revision's content: what was told of it."""

    action: str
    content_id: str


class Write(NamedTuple):
    """What was asked for and acknowledged."""

    operation_id: str
    content_id: str


class Listing(NamedTuple):
    """A list that somebody was shown: these contents at that revision."""

    revision: int
    contents: frozenset[str]


class Ledger:
    """Everything that is compared at the end; what contradicts itself is a wrong at once."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, dict[int, Write]] = {user: {} for user in USERS}
        """User -> revision -> the write that got it, as its writer was told."""
        self.witnessed: dict[str, list[Change]] = {user: [] for user in USERS}
        """User -> changes in order, revision 1 first, as a socket showed them."""
        self.recorded: dict[str, list[Change]] = {user: [] for user in USERS}
        """The same, as the journal told them over HTTP."""
        self.listings: dict[str, list[Listing]] = {user: [] for user in USERS}
        self.wrongs: list[str] = []
        self.counts: Counter[str] = Counter()
        self._revisions: dict[str, int] = {}
        """Operation id -> revision."""

    def head(self, user: str) -> int:
        """Return the greatest revision that any writer of the user was told: nobody may be shown less from now on."""
        return max(self.acknowledged[user], default=0)

    def acknowledge(self, user: str, write: Write, revision: int | None) -> None:
        """Note an answer to a write; ``revision``: the one it got, if it changed anything."""
        self.counts["writes acknowledged"] += 1
        if revision is None:
            return
        if self._revisions.setdefault(write.operation_id, revision) != revision:
            self.wrong(f"{user}: {write} has revision {self._revisions[write.operation_id]} and {revision}")
        if (first := self.acknowledged[user].setdefault(revision, write)) != write:
            self.wrong(f"{user}: revision {revision} was given to {first} and to {write}")

    def wrong(self, text: str) -> None:
        """Note what must not be."""
        self.wrongs.append(text)


def contents_after(changes: Sequence[Change]) -> frozenset[str]:
    """Return what a list holds after ``changes``."""
    last = {change.content_id: change.action for change in changes}
    return frozenset(content_id for content_id, action in last.items() if action == "add")
