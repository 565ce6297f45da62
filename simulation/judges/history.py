"""The history of one user in a world that broke the promise: a page to read, from the first connection to the end.

A column for each who takes part: what happened in the world, the user's devices, the backend, the journal, the bus. The
columns are narrow, because in each line one of them speaks, and may write over those to its right. Where no user is
concerned, it is the history of the nodes, with a column for each.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from simulation.clock.event_log import Event
from simulation.clock.wall_clock import START_S
from simulation.outside.database import ARCHIVE
from simulation.shape import Shape

WIDTH: Final = 16
"""Of a column."""

WORLD, OPERATOR, OUTSIDE, BACKEND, JOURNAL, BUS = "world", "operator", "outside", "backend", "journal", "bus"
VIOLATION: Final = "!"
_NODE: Final = re.compile(r"node \d+")
_OF_ALL: Final = re.compile(rf"world|database|{_NODE.pattern}")
"""Whose events concern every user."""
_COMMITS: Final = re.compile(r"writer CommitBatch ")
_REPLICA: Final = re.compile(r"\b([0-9a-f]{4})[0-9a-f]{12}\.(?=\d)")
"""Of an operation id: its first digits are enough to tell it from others."""


class Commit(Struct, frozen=True):
    """A row of the history, and when it was written."""

    at_ms: int
    """By the world's clock: milliseconds since 1970."""
    revision: int
    kind: str
    content_id: str
    device_id: str
    operation_id: str | None


def read_commits(file: Path, user_id: str) -> tuple[Commit, ...]:
    """Return everything that was ever committed of a user."""
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute(
            f"SELECT recorded_ms, revision, kind, content_id, device_id, operation_id FROM {ARCHIVE}"  # noqa: S608 - a constant
            " WHERE user_id = ? ORDER BY rowid",
            (user_id,),
        ).fetchall()
    finally:
        connection.close()
    return tuple(Commit(*row) for row in rows)


def user_of(violation: str) -> str | None:
    """Return the user that a violation is about; ``None``: it does not say."""
    named = re.search(r"user-\d+", violation)
    if named:
        return named.group()
    device = re.search(r"device (\d+)\.", violation)
    return f"user-{device.group(1)}" if device else None


def page(
    shape: Shape, violations: Sequence[str], user_id: str, events: Sequence[Event], commits: Sequence[Commit]
) -> str:
    """Return the history of ``user_id``: what is wrong, who takes part, and what happened in the order of time."""
    told = sorted([*_concerning(user_id, events), *_committed(events, commits)], key=lambda event: event[0])
    speakers = {speaker for _, speaker, _ in told} - {VIOLATION}
    devices = sorted(speaker for speaker in speakers if speaker.startswith("device "))
    columns = [name for name in (WORLD, *devices, OUTSIDE, BACKEND, JOURNAL, BUS) if name in speakers]
    about = [text for text in violations if user_of(text) == user_id]
    others = len(violations) - len(about)
    head = [f"{user_id} in the world of {shape}", "", "what is wrong:", *(f"  {text}" for text in about)]
    if others:
        head.append(f"  and {others} more that are not about {user_id}")
    key = "r5: revision 5; 0001: the content that ends so; >: what the violations name; !: where one was seen"
    return "\n".join([*head, "", key, "", *_table(_with_places(told, events), columns, _named_in(about)), ""])


def page_of_nodes(shape: Shape, violations: Sequence[str], events: Sequence[Event]) -> str:
    """Return the history of all nodes, and of what is beneath them; for ``violations`` that are about no user."""
    told = list(_of_nodes(events))
    columns = [WORLD, *sorted({speaker for _, speaker, _ in told if _NODE.fullmatch(speaker)})]
    head = [f"the nodes in the world of {shape}", "", "what is wrong:", *(f"  {text}" for text in violations)]
    return "\n".join([*head, "", *_table(_with_places(told, events), columns, _named_in(violations)), ""])


def _of_nodes(events: Sequence[Event]) -> Iterator[Event]:
    for at_s, who, what in events:
        if _NODE.fullmatch(who) or who in (WORLD, VIOLATION):
            yield at_s, who, what
        elif who in ("database", OPERATOR) or (who == BUS and "user-" not in what):
            yield at_s, WORLD, f"{who} {what}"


def _with_places(told: Sequence[Event], events: Sequence[Event]) -> Sequence[Event]:
    """Return ``told`` with places for the names that nodes have had: each start gives another."""
    for place, name in [(who, what.split()[-1]) for _, who, what in events if what.startswith("runs as ")]:
        told = [(at_s, who, re.sub(rf"(?<=of |to ){name}", place, text)) for at_s, who, text in told]
    return told


def _table(told: Sequence[Event], columns: Sequence[str], named: "re.Pattern[str]") -> Iterator[str]:
    yield f"{'seconds':>9}   " + "".join(f"{name:<{WIDTH}}" for name in columns).rstrip()
    for event in told:
        yield _REPLICA.sub(r"\1.", _line(event, columns, named))


def _named_in(violations: Sequence[str]) -> "re.Pattern[str]":
    """Return what finds the revisions and the operations that ``violations`` name."""
    text = " ".join(violations)
    words = [f"r{revision}" for revision in re.findall(r"(?:revision |revision=)(\d+)", text)]
    words += [name for name in re.findall(r"\S+\.\d+", text) if not name.startswith("device")]
    return re.compile("|".join(rf"\b{re.escape(word)}\b" for word in words) or r"(?!)")


def _line(event: Event, columns: Sequence[str], named: "re.Pattern[str]") -> str:
    at_s, speaker, text = event
    if speaker == VIOLATION:
        return f"{at_s:9.3f} ! {text}"
    mark, text = ">" if named.search(text) else " ", _REPLICA.sub(r"\1.", text)
    column = columns.index(speaker)
    bars = "".join(f"{'|':<{WIDTH}}" for _ in columns)
    start = column * WIDTH
    return f"{at_s:9.3f} {mark} {bars[:start]}{text} {bars[start + len(text) + 1 :]}".rstrip()


def _concerning(user_id: str, events: Sequence[Event]) -> Iterator[Event]:
    """Yield the events that concern a user, each with the column it belongs to."""
    number = user_id.partition("-")[2]
    named, writes = re.compile(rf"\b{user_id}\b"), frozenset[str]()
    for at_s, who, what in events:
        if who == BACKEND:
            if named.search(what):
                writes |= {what.split()[1 if what.startswith("repeats") else -1]}
            if named.search(what) or what.split()[0] in writes:
                yield at_s, who, what.replace(f" for {user_id}", "")
        elif who.startswith(f"device {number}."):
            yield at_s, who, what.replace("?snapshot=pieces&", " with ")
        elif who == OPERATOR:
            if user_of(what) in (None, user_id):
                yield at_s, WORLD, f"{who} {what}"
        elif named.search(what):
            yield at_s, who, what.replace(f"{user_id} revision ", "takes r").replace(f" for {user_id}", "")
        elif _OF_ALL.fullmatch(who) and not _COMMITS.match(what):
            yield at_s, WORLD, what if who == WORLD else f"{who} {what}"
        elif who == BUS and "user-" not in what:
            yield at_s, WORLD, f"{who} {what}"
        elif who == VIOLATION and user_of(what) == user_id:
            yield at_s, who, what


def _committed(events: Sequence[Event], commits: Sequence[Commit]) -> Iterator[Event]:
    """Yield what was committed, at the moment of the node's commit, which the journal knows to the millisecond."""
    moments: dict[int, tuple[float, str]] = {}
    for at_s, who, what in events:
        if _COMMITS.match(what):
            moments.setdefault(int((START_S + at_s) * 1000), (at_s, who))
    for commit in commits:
        at_s, node = moments.get(commit.at_ms, (commit.at_ms / 1000 - START_S, "somebody"))
        action = commit.kind.rpartition(".")[2]
        name = commit.operation_id or "a foreign publisher's"
        yield at_s, JOURNAL, f"r{commit.revision} {action} {commit.content_id[-4:]}, {name}, by {node}"
