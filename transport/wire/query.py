"""What the URL of a request says: where a read is to begin, and never a token."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from msgspec import Struct, structs

from actors.messages.collections import COLLECTION_KINDS, DEVICES, LIST_PATTERN, LISTS, PROGRESS, WATCHLIST
from actors.messages.connection import Following
from actors.messages.journal_reads import Bookmark
from actors.messages.progress import IN_PROGRESS
from transport.errors import Problem

MAX_LIMIT: Final = 1000
"""Items or changes in one answer."""
MAX_EPOCH_LENGTH: Final = 128
MAX_POLL_S: Final = 55
"""Proxies give up on an answer after a minute."""

SNAPSHOT_IN_PIECES: Final = "pieces"

REVISION_PATTERN: Final = "^[0-9]{1,18}$"
SINCE_PATTERN: Final = (
    rf"^({WATCHLIST}|{PROGRESS}|{DEVICES}|{LISTS}|list:{LIST_PATTERN})"
    rf":([0-9]{{1,18}})(?::([^:]{{1,{MAX_EPOCH_LENGTH}}}))?$"
)
"""A collection, its revision, and the epoch of that."""
CURSOR_PATTERN: Final = r"^[^.]{1,128}(\.[0-9]{1,18}){3}$"

_TOKEN_PARAMETERS: Final = frozenset({"token", "access_token", "auth_token", "authorization", "bearer", "jwt"})
_MAX_PARAMETERS: Final = 128
"""A device may name each of its lists."""

_REVISION: Final = re.compile(REVISION_PATTERN)
_COLLECTION_SINCE: Final = re.compile(SINCE_PATTERN)
_SINCE_RULE: Final = (
    "since: must be a revision, or a collection and a revision as in "
    "watchlist:7, list:kids:0, progress:3, devices:0, lists:0."
)
_SECONDS: Final = re.compile("[0-9]{1,2}")
_LIMIT: Final = re.compile("[0-9]{1,4}")
_CURSOR: Final = re.compile(CURSOR_PATTERN)


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which part of a watchlist is asked for: from its beginning, after a page, or what changed since a revision."""

    limit: int = MAX_LIMIT
    after: Bookmark | None = None
    since: int | None = None
    epoch: str | None = None
    state: str | None = None
    """With progress, only what is in this state."""


class ResumeQuery(Struct, frozen=True, kw_only=True):
    """What a device has, and how it wants the list if it must be shown it."""

    follows: tuple[Following, ...] = (Following(), Following(PROGRESS))
    takes_pieces: bool = False

    @property
    def is_resuming(self) -> bool:
        """Whether it says what it has."""
        return self.follows[0].since is not None


def refuse_tokens(query: bytes) -> None:
    """Check that no parameter is a token.

    Raises:
        Problem: 400.
    """
    _refuse_tokens(_parameters(query))


def _refuse_tokens(parameters: Iterable[str]) -> None:
    if not _TOKEN_PARAMETERS.isdisjoint(name.lower() for name in parameters):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "A token in the URL ends up in logs and histories: send it as 'Authorization: Bearer <token>', "
            "or from a browser's WebSocket as the subprotocol 'bearer.<token>'.",
        )


def list_query(query: bytes, *, has_states: bool = False) -> ListQuery:
    """Return what ``query`` asks for.

    Unknown parameters are ignored; so are ``state`` of what has none, and ``since`` beside a cursor, which goes on.

    Raises:
        Problem: 400; the detail names the parameter.
    """
    if not query:
        return _EVERYTHING
    parameters = _parameters(query)
    limit = _one(parameters, "limit", _LIMIT, f"a whole number from 1 to {MAX_LIMIT}")
    cursor = _one(parameters, "cursor", _CURSOR, "the 'next' of the page before it, as it was given")
    state = _one(parameters, "state", _STATE, repr(IN_PROGRESS)) if has_states else None
    since, epoch = _position(parameters)
    if limit is not None and not 1 <= int(limit) <= MAX_LIMIT:
        raise Problem(HTTPStatus.BAD_REQUEST, f"limit: must be a whole number from 1 to {MAX_LIMIT}.")
    return ListQuery(
        limit=MAX_LIMIT if limit is None else int(limit),
        after=None if cursor is None else _bookmark(cursor),
        since=since if cursor is None else None,
        epoch=epoch,
        state=state,
    )


def resume_query(query: bytes) -> ResumeQuery:
    """Return what ``query`` says of a device; a cursor that no list can go on from is ignored: the list begins again.

    Raises:
        Problem: 400; the detail names the parameter, or says that it is a token.
    """
    return _resume_query(_parameters(query))


def stream_query(query: bytes) -> tuple[ResumeQuery, int | None]:
    """Return what ``query`` says of a device, and for how many seconds it polls; ``None``: it wants a stream.

    Raises:
        Problem: as ``resume_query``.
    """
    parameters = _parameters(query)
    resume = _resume_query(parameters)
    expected = f"a whole number of seconds from 0 to {MAX_POLL_S}"
    poll = _one(parameters, "poll", _SECONDS, expected)
    if poll is None:
        return resume, None
    if int(poll) > MAX_POLL_S:
        raise Problem(HTTPStatus.BAD_REQUEST, f"poll: must be {expected}.")
    if not resume.is_resuming:
        raise Problem(HTTPStatus.BAD_REQUEST, "poll: needs since: what came between two polls is not kept for anybody.")
    return resume, int(poll)


def _resume_query(parameters: dict[str, list[str]]) -> ResumeQuery:
    _refuse_tokens(parameters)
    follows = _follows(parameters)
    takes_pieces = _one(parameters, "snapshot", _PIECES, f"{SNAPSHOT_IN_PIECES!r}, or left out") is not None
    cursor = _one(parameters, "snapshot_cursor", _ANYTHING, "the 'next' of a piece")
    is_sent_pieces = takes_pieces and follows[0].since is not None
    if is_sent_pieces and cursor is not None and _CURSOR.fullmatch(cursor):
        follows = (structs.replace(follows[0], after=_bookmark(cursor)), *follows[1:])
    return ResumeQuery(follows=follows, takes_pieces=takes_pieces)


def cursor_of(bookmark: Bookmark) -> str:
    """Return ``bookmark`` as clients are given it; it says nothing that its user may not know or forge."""
    return f"{bookmark.epoch}.{bookmark.revision}.{bookmark.timestamp}.{bookmark.added_revision}"


def _bookmark(cursor: str) -> Bookmark:
    epoch, revision, timestamp, added_revision = cursor.split(".")
    return Bookmark(epoch=epoch, revision=int(revision), timestamp=int(timestamp), added_revision=int(added_revision))


def _parameters(query: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"The query of the URL has more than {_MAX_PARAMETERS} parameters."
        ) from None


def _position(parameters: dict[str, list[str]]) -> tuple[int | None, str | None]:
    since = _one(parameters, "since", _REVISION, "a revision: a whole number from 0")
    epoch = _one(parameters, "epoch", _EPOCH, f"1 to {MAX_EPOCH_LENGTH} characters")
    return None if since is None else int(since), epoch


def _follows(parameters: dict[str, list[str]]) -> tuple[Following, ...]:
    """Return what ``since`` names: the watchlist by a revision alone, any collection by its name before it."""
    values = parameters.get("since", ())
    named = [_COLLECTION_SINCE.fullmatch(value) for value in values]
    if not any(named) and not any(":" in value or value in (*COLLECTION_KINDS, LISTS) for value in values):
        since, epoch = _position(parameters)
        return _LIVE if since is None else (Following(since=since, epoch=epoch),)
    epoch = _one(parameters, "epoch", _EPOCH, f"1 to {MAX_EPOCH_LENGTH} characters")
    follows: dict[str, Following] = {}
    for value, found in zip(values, named, strict=True):
        if found is None and not _REVISION.fullmatch(value):
            raise Problem(HTTPStatus.BAD_REQUEST, _SINCE_RULE)
        collection, revision, of_epoch = (WATCHLIST, value, None) if found is None else found.groups()
        if collection in follows:
            raise Problem(HTTPStatus.BAD_REQUEST, f"since: {collection} must be given once.")
        follows[collection] = Following(collection, int(revision), of_epoch or epoch)
    return tuple(follows.values())


def _one(parameters: dict[str, list[str]], name: str, pattern: re.Pattern[str], expected: str) -> str | None:
    values = parameters.get(name)
    if values is None:
        return None
    if len(values) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: must be given once.")
    if not pattern.fullmatch(values[0]):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: must be {expected}.")
    return values[0]


_EVERYTHING: Final = ListQuery()
_LIVE: Final = (Following(), Following(PROGRESS))
_PIECES: Final = re.compile(SNAPSHOT_IN_PIECES)
_STATE: Final = re.compile(IN_PROGRESS)
_ANYTHING: Final = re.compile(r"[\s\S]*")
_EPOCH: Final = re.compile(rf"[\s\S]{{1,{MAX_EPOCH_LENGTH}}}")
