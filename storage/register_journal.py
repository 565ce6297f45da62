"""What operations do to one line of registers: the rules, in memory, without the database, as in ``user_journal``.

The latest word on each member of a key holds (``crdt/lww.py``), so the order in which words arrive does not matter.
"""

from typing import Final

from msgspec import Struct, structs

from actors.messages.journal import Outcome, Status
from actors.messages.register_kinds import RegisterKind
from actors.messages.registers import RegisterOperation, RegisterUpdate, Values
from crdt.hlc import HLCTimestamp
from crdt.lww import LWWMap, LWWRegister
from storage.bounds import BoundReached, Bounds, keys_bound
from storage.live_tags import NO_FIELDS, Fields
from storage.user_journal import JournalHead

NEVER: Final = HLCTimestamp(0, 0, "")


class Register(Struct, frozen=True):
    """One key: a row of ``registers``."""

    key: str
    revision: int
    timestamp: HLCTimestamp
    device_id: str
    members: Fields

    @property
    def values(self) -> Values:
        """Its members that are there; empty: it was removed."""
        return {name: one.value for name, one in self.members.registers.items() if one.value is not None}


class RegisterAnswer(Struct, frozen=True):
    """What a change was answered: its repetitions get the same."""

    key: str
    is_removal: bool
    outcome: Outcome

    def to(self, operation: RegisterOperation) -> Outcome:
        """Return the answer to ``operation``, which came under the same ``operation_id``."""
        asked = operation.change
        if (self.key, self.is_removal) != (asked.key, asked.says is None):
            was = "remove" if self.is_removal else "update"
            used = f"operation_id {asked.operation_id!r} was used before, to {was} {self.key}"
            return Outcome(status=Status.REFUSED, reason=used)
        return structs.replace(self.outcome, is_new=False)


class RegisterJournal:
    """One line of registers while a batch is applied to it.

    Before that it must have learnt every key that the batch touches, if it is there, and the answers that it repeats.

    Args:
        line: whose journal.
        kind: what it holds.
        head: as stored before the batch. Its ``items`` are keys with a value, its ``replicas`` those that were removed.
        bounds: what the user may make grow.
    """

    def __init__(self, line: str, kind: RegisterKind, head: JournalHead, bounds: Bounds) -> None:
        self.line = line
        self.kind = kind
        self.head = head
        """The head before the batch."""
        self.changed: dict[str, Register] = {}
        """What the batch has changed, by key, as it leaves it."""
        self.new_answers: dict[str, RegisterAnswer] = {}
        """By ``operation_id``."""
        self._bounds = bounds
        self._revision, self._clock = head.revision, head.clock
        self._present, self._removed = head.items, head.replicas
        self._registers: dict[str, Register] = {}
        self._answers: dict[str, RegisterAnswer] = {}

    def learn(self, register: Register) -> None:
        """Load a key as it was before the batch."""
        self._registers[register.key] = register

    def learn_answer(self, operation_id: str, answer: RegisterAnswer) -> None:
        """Load the answer to an ``operation_id`` that the batch names."""
        self._answers[operation_id] = answer

    @property
    def new_head(self) -> JournalHead:
        """The head after the batch."""
        before = self.head
        return JournalHead(self._revision, before.first_revision, 0, self._clock, self._present, self._removed)

    def apply(self, operation: RegisterOperation) -> Outcome:
        """Do what ``operation`` asks, or say why not; a repeated one changes nothing and gets the first answer."""
        change = operation.change
        if change.operation_id is None:
            return self._decide(operation)
        if first := self._answers.get(change.operation_id):
            return first.to(operation)
        outcome = self._decide(operation)
        if not outcome.exceeds_quota:
            answer = RegisterAnswer(change.key, change.says is None, outcome)
            self._answers[change.operation_id] = self.new_answers[change.operation_id] = answer
        return outcome

    def _decide(self, operation: RegisterOperation) -> Outcome:
        change, stamp = operation.change, operation.timestamp
        before = self._registers.get(change.key)
        says = dict.fromkeys(self.kind.members) if change.says is None else change.says
        said = LWWMap({name: LWWRegister(value, stamp) for name, value in says.items()})
        known = NO_FIELDS if before is None else before.members
        members = known.merge(said)
        if before is not None and members == known:  # a later word is there; or the same: it comes again
            register = self._update(before)
            return Outcome(status=_status(change.says is None, members, said, was_there=True), register=register)
        was_there = before is not None and bool(before.values)
        try:
            after = self._changed(operation, before, members, was_there=was_there)
        except BoundReached as reached:
            return Outcome(status=Status.REFUSED, reason=str(reached), field=reached.field, quota=reached.quota)
        status = _status(change.says is None, members, said, was_there=was_there)
        return Outcome(status=status, register=self._update(after), is_new=True)

    def _changed(
        self, operation: RegisterOperation, before: Register | None, members: Fields, *, was_there: bool
    ) -> Register:
        """Record that a key has these ``members`` after ``operation``. Raises: BoundReached."""
        stamp, device_id = operation.timestamp, operation.device_id
        if before is not None and before.timestamp > stamp:  # of some members only
            stamp, device_id = before.timestamp, before.device_id
        after = Register(operation.change.key, self._revision + 1, stamp, device_id, members)
        is_there = bool(after.values)
        if is_there and not was_there and self._present >= self._bounds.keys_per_user:
            raise keys_bound(self._bounds, self.kind.key_field)
        self._present += is_there - was_there
        self._removed += (not is_there) - (before is not None and not was_there)
        self._revision += 1
        self._clock = max(self._clock, stamp)
        self._registers[after.key] = self.changed[after.key] = after
        return after

    def _update(self, register: Register) -> RegisterUpdate:
        return RegisterUpdate(
            line=self.line,
            revision=register.revision,
            key=register.key,
            values=register.values,
            timestamp=register.timestamp,
            device_id=register.device_id,
        )


def _status(is_removal: bool, members: Fields, said: Fields, *, was_there: bool) -> Status:
    """Return what became of what was ``said``, now that the key has these ``members``."""
    if any(members.registers[name] != one for name, one in said.registers.items()):
        return Status.SUPERSEDED
    if is_removal:
        return Status.REMOVED if was_there else Status.NOT_FOUND
    return Status.UPDATED
