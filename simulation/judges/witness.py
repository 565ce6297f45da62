"""What users wanted, were answered and were shown, from all sides: kept, and judged by what the protocol promises."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from syncd_client.core import events
from syncd_client.data.user_state import PendingWrite

from simulation.judges.commands import CommandWitness
from simulation.judges.lines import line_of, named, user_in
from simulation.judges.registers import RegisterWitness

Item = tuple[str, str]
"""A content in a list, and what it carries there."""


def carried(told: Mapping[str, Any]) -> str:
    """Return what an item carries, as a text that is the same for the same; empty: nothing."""
    said = {name: told[name] for name in ("data", "position") if told.get(name) is not None}
    return json.dumps(said, sort_keys=True) if said else ""


class Wanted(Struct, frozen=True):
    """A write that somebody has made."""

    author: str
    action: str
    content_id: str
    observed: int | None
    """The last revision that the author had seen; ``None``: it takes the list as it is."""
    list: str | None = None
    """In which list; ``None``: in the watchlist."""
    says: dict[str, Any] = field(default_factory=dict)
    """Of an add: what it says of ``data`` and ``position``."""


class Answer(Struct, frozen=True):
    """What became of a write."""

    status: str
    revision: int | None


class Witness:
    """Knows what was wanted, answered and shown, and keeps what contradicts the promise.

    A user's contents begin with a mark of the user, so that nobody else's can be taken for them.

    Args:
        note: is told each contradiction when it is seen.
    """

    def __init__(self, note: Callable[[str], None] = lambda _: None) -> None:
        self._note = note
        self.wanted: dict[tuple[str, str], Wanted] = {}
        """By user and operation id."""
        self.answers: dict[tuple[str, str], Answer] = {}
        """The first one, by user and operation id."""
        self.lost: set[tuple[str, str]] = set()
        """Writes that were answered, and are not in the backup that the database was restored from."""
        self.revoked: frozenset[str] = frozenset()
        """Ids of tokens that are not to be accepted any more."""
        self._backed_up: tuple[frozenset[tuple[str, str]], frozenset[str]] = frozenset(), frozenset()
        """Writes that were answered when the backup was made, and tokens that were revoked."""
        self.shown: dict[tuple[str, int], tuple[str, str, str]] = {}
        """Action, content and what it carries, by line and revision."""
        self.snapshots: dict[tuple[str, int], frozenset[Item]] = {}
        """By line and revision."""
        self.deletions: dict[str, tuple[int, int]] = {}
        """By line: how often somebody has asked to delete the list, and how often that was acknowledged."""
        self.foreign: dict[tuple[str, str], str] = {}
        """Contents that foreign publishers have added, by user and tag."""
        self.foreign_removes: dict[tuple[str, str], list[frozenset[str]]] = {}
        """The tags that foreign publishers have removed, each time, by user and content."""
        self.registers = RegisterWitness(self.violate)
        """Of progress."""
        self.names = RegisterWitness(self.violate)
        """What devices call each other."""
        self.commands = CommandWitness(self.violate)
        self.violations: list[str] = []
        self.marks: dict[str, str] = {}
        """What a user's contents begin with."""

    def violate(self, text: str) -> None:
        """Keep what must not happen."""
        self._note(text)
        self.violations.append(text)

    def wants(self, user_id: str, write: PendingWrite) -> None:
        """Know a device's write."""
        author = write.operation_id.partition(".")[0]
        says = {name: said for name, said in (("data", write.data), ("position", write.position)) if said is not None}
        self.wanted[user_id, write.operation_id] = Wanted(
            author, write.operation, write.content_id, write.observed, write.list, says
        )

    def deletes(self, line: str, *, is_done: bool) -> None:
        """Know that somebody asks to delete a list, or that it was done."""
        asked, done = self.deletions.get(line, (0, 0))
        self.deletions[line] = (asked, done + 1) if is_done else (asked + 1, done)

    def answered(self, user_id: str, operation_id: str, answer: Answer) -> None:
        """Know an answer: to what is said of a list a repetition must get the first one."""
        for registers in (self.registers, self.names):
            if (user_id, operation_id) in registers.words:
                registers.acknowledged[user_id, operation_id] = None
                return
        if (user_id, operation_id) not in self.wanted:
            self.violate(f"{user_id} was answered to {operation_id}, which nobody of that user wrote")
        first = self.answers.setdefault((user_id, operation_id), answer)
        if first != answer:
            self.violate(f"{user_id} {operation_id} was answered {first}, then {answer}")

    def back_up(self) -> None:
        """Know that a backup is made: what was answered is in it."""
        self._backed_up = frozenset(self.answers), self.revoked

    def go_back(self, heads: Mapping[str, int]) -> None:
        """Know that the database was restored from the backup, in which users stand at ``heads``.

        What was acknowledged later is lost, and its revisions may be given again, to devices that are told of another
        epoch.
        """
        backed_up, self.revoked = self._backed_up
        kept = {
            key: answer
            for key, answer in self.answers.items()
            if key in backed_up
            or (answer.revision is not None and answer.revision <= heads.get(line_of(key[0], self.wanted[key].list), 0))
        }
        self.lost |= self.answers.keys() - kept.keys()
        self.answers = kept
        self.shown = {key: shown for key, shown in self.shown.items() if key[1] <= heads.get(key[0], 0)}
        self.snapshots = {key: listed for key, listed in self.snapshots.items() if key[1] <= heads.get(key[0], 0)}

    def start_again(self, line: str) -> None:
        """Know that a device is told of another epoch: its writes are now of the list that it starts from again.

        Whose they are of the user's, is not known here: of all that are not decided no more is asked than of these.
        """
        for key, wanted in self.wanted.items():
            if line_of(key[0], wanted.list) == line and key not in self.answers:
                self.wanted[key] = replace(wanted, observed=None)

    def confirmed(self, user_id: str, event: events.Confirmed) -> None:
        """Know what the client tells its app."""
        key = user_id, event.operation_id
        known = (self.answers, self.lost, self.registers.acknowledged, self.names.acknowledged)
        if not any(key in one for one in known):
            self.violate(f"{user_id} {event.operation_id} was confirmed and never answered")

    def refused(self, user_id: str, event: events.Refused) -> None:
        """Know what the client tells its app: nothing in these worlds is to be refused."""
        self.violate(f"{user_id} {event.operation_id} was refused: {event.code} {event.message}")

    def show(self, line: str, revision: int, told: Mapping[str, Any]) -> None:
        """Know an update that a device was shown: every device must be shown the same."""
        self.own(line, told["content_id"])
        update = told["action"], told["content_id"], carried(told)
        first = self.shown.setdefault((line, revision), update)
        if first != update:
            self.violate(f"{named(line)} revision {revision} was shown as {first}, then as {update}")

    def show_list(self, line: str, revision: int, items: frozenset[Item]) -> None:
        """Know a list that a device was shown."""
        for content_id, _ in items:
            self.own(line, content_id)
        first = self.snapshots.setdefault((line, revision), items)
        if first != items:
            self.violate(f"{named(line)} list at {revision} was shown in two ways")

    def own(self, line: str, content_id: str) -> None:
        """Check that a content is that of the line's user."""
        if not content_id.startswith(self.marks[user_in(line)]):
            self.violate(f"{named(line)} was shown {content_id}, which is somebody else's")
