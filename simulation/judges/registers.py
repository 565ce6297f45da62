"""What users have said of registers, and were shown of them: held against the promise that the latest word holds.

Of each member of a key the word with the greatest stamp holds, in whatever order
words arrive; the journal keeps the newest operation of each key alone, so what is replayed has holes.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from syncd_client.data.user_state import PendingWrite

from simulation.judges.lines import named, user_in

MEMBERS: Final = ("position", "duration", "state")
WATCHED_SHARE: Final = 0.9

Stamp = tuple[int, str]
"""Milliseconds and counter in one, and where it was made."""
Value = tuple[Any, ...]
"""What a device is shown of a key: a value for each of ``MEMBERS``, and whether it is watched; empty: nothing."""


def stamp_of(physical: int, logical: int, node: str) -> Stamp:
    """Return a stamp as the journal has it."""
    return physical << 16 | logical, node


class Word(Struct, frozen=True):
    """What somebody says of a key."""

    key: str
    says: Mapping[str, Any]
    """By member; ``None``: it is not there any more."""
    stamp: Stamp | None
    """``None``: the service gives it one."""


class Version(Struct, frozen=True):
    """A key as an operation has left it."""

    revision: int
    key: str
    members: Mapping[str, tuple[Any, Stamp]]

    @property
    def value(self) -> Value:
        """What devices are shown."""
        values = {name: value for name, (value, _) in self.members.items()}
        if values.get("position") is None:
            return ()
        return value_of(values["position"], values.get("duration") or 0, values["state"])


class RegisterVersions(Struct, frozen=True):
    """What the database holds of one line of registers."""

    head: int
    versions: tuple[Version, ...]
    """In order; one that was replaced in its own transaction is missing."""

    def at(self, revision: int) -> dict[str, Version]:
        """Return each key as it was left at a revision, those that were removed, too."""
        return {version.key: version for version in self.versions if version.revision <= revision}

    def members(self, name: str) -> dict[str, Any]:
        """Return what one member of each key is; ``None``: nothing was said of it."""
        return {key: version.members.get(name, (None,))[0] for key, version in self.at(self.head).items()}

    @property
    def values(self) -> dict[str, Value]:
        """What everybody must show."""
        return {key: version.value for key, version in self.at(self.head).items() if version.value}


class RegisterWitness:
    """Knows what was said and shown.

    Args:
        violate: is told what must not happen.
    """

    def __init__(self, violate: Callable[[str], None]) -> None:
        self._violate = violate
        self.words: dict[tuple[str, str], Word] = {}
        """By user and operation id."""
        self.acknowledged: dict[tuple[str, str], None] = {}
        """Those among them that were answered."""
        self.dropped: dict[tuple[str, str], None] = {}
        """Those that a device has replaced in its queue: it is not known whether they were ever sent."""
        self.shown: dict[tuple[str, int], tuple[str, Value]] = {}
        """Key and value, by line and revision."""
        self.listed: list[tuple[str, int, dict[str, Value]]] = []
        """Line, revision, and what was told to be all that there is."""

    def wants(self, user_id: str, write: PendingWrite) -> None:
        """Know a device's word, as it stands in its queue."""
        stamp = write.timestamp
        says = {name.removesuffix("_seconds"): value for name, value in (write.data or {}).items()}
        self.words[user_id, write.operation_id] = Word(
            write.content_id,
            dict.fromkeys(MEMBERS) if write.operation == "remove" else says,
            None if write.is_unstamped else stamp_of(stamp.physical, stamp.logical, stamp.node),
        )

    def drops(self, user_id: str, operation_id: str) -> None:
        """Know that a device has nothing more to say by this word."""
        key = user_id, operation_id
        if key in self.words and key not in self.acknowledged:
            self.dropped[key] = None

    def show(self, line: str, told: Mapping[str, Any]) -> None:
        """Know an update that a device was shown: every device must be shown the same."""
        update = told["content_id"], () if told["action"] == "remove" else _value_in(told)
        first = self.shown.setdefault((line, told["revision"]), update)
        if first != update:
            self._violate(f"{named(line)} revision {told['revision']} was shown as {first}, then as {update}")

    def show_all(self, line: str, revision: int, items: Mapping[str, Mapping[str, Any]]) -> None:
        """Know what a device was told to be all that there is."""
        self.listed.append((line, revision, {key: _value_in(item) for key, item in items.items()}))


def value_of(position: float, duration: float, state: str) -> Value:
    """Return what devices are shown where nobody has said whether it is watched."""
    return position, duration, state, bool(duration) and position >= WATCHED_SHARE * duration


def _value_in(told: Mapping[str, Any]) -> Value:
    return told["position"], told["duration"], told["state"], told["watched"]


def judge_registers(witness: RegisterWitness, line: str, journal: RegisterVersions) -> Iterator[str]:
    """Yield everything about this line that breaks the promise."""
    yield from judge_words(witness, line, journal)
    yield from _only_words(witness, line, journal)
    yield from _shown(witness, line, journal)


def judge_words(witness: RegisterWitness, line: str, journal: RegisterVersions) -> Iterator[str]:
    """Yield each word of a device that does not hold, though no later one does; the service may have said others."""
    revisions = [version.revision for version in journal.versions]
    if revisions != sorted(set(revisions)) or journal.head != (revisions[-1] if revisions else 0):
        yield f"revisions do not ascend to {journal.head}: {revisions}"
    held = journal.at(journal.head)
    words = {key: word for key, word in witness.words.items() if key[0] == user_in(line)}
    for key, word in words.items():
        members = held[word.key].members if word.key in held else {}
        for name, said in word.says.items():
            value, stamp = members.get(name, (None, (-1, "")))
            if word.stamp is None or key in witness.dropped:
                continue
            if stamp < word.stamp or (stamp == word.stamp and value != said):
                yield f"{name} of {word.key} is {value} by {stamp}, and {said} was said by {word.stamp}"


def _only_words(witness: RegisterWitness, line: str, journal: RegisterVersions) -> Iterator[str]:
    words = [word for (user_id, _), word in witness.words.items() if user_id == user_in(line)]
    for version in journal.at(journal.head).values():
        for name, (value, stamp) in version.members.items():
            if not any(
                word.key == version.key and word.stamp in (None, stamp) and word.says.get(name) == value
                for word in words
            ):
                yield f"{name} of {version.key} is {value} by {stamp}, which nobody has said"


def _shown(witness: RegisterWitness, line: str, journal: RegisterVersions) -> Iterator[str]:
    versions = {version.revision: (version.key, version.value) for version in journal.versions}
    for (of_line, revision), shown in witness.shown.items():
        if of_line == line and (revision > journal.head or versions.get(revision, shown) != shown):
            yield f"revision {revision} was shown as {shown}, and the journal holds {versions.get(revision)}"
    for of_line, revision, listed in witness.listed:
        if of_line != line:
            continue
        there = {key: version.value for key, version in journal.at(revision).items() if version.value}
        changed = {version.key for version in journal.versions if version.revision > revision}
        if any(there.get(key) != value for key, value in listed.items()) or there.keys() - listed.keys() - changed:
            yield f"{listed} was shown as all at revision {revision}, where it is {there}"
