"""What operations do to one line of registers: the rules, in memory, without the database, as in ``list_journal``.

The latest word on each member of a key holds (``crdt/lww.py``), so the order in which words arrive does not matter.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct, json, structs

from actors.messages.journal import Outcome, Status
from actors.messages.register_kinds import RegisterKind
from actors.messages.registers import RegisterChange, RegisterOperation, RegisterUpdate, Values
from crdt.hlc import HLCTimestamp, tick
from crdt.lww import LWWMap, LWWRegister
from storage.rules.bounds import BoundReached, Bounds, keys_bound
from storage.rules.list_journal import JournalHead
from storage.rules.live_tags import NO_FIELDS, Fields
from storage.rules.stamps import stamped_behind

_encode: Final = json.Encoder().encode


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
        return _values_of(self.members)


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
        return structs.replace(self.outcome, is_new=False, forgotten=())


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
        self._spare = deque[str]()
        """Keys that may go to make room for others."""

    def learn(self, register: Register) -> None:
        """Load a key as it was before the batch."""
        self._registers[register.key] = register

    def has(self, key: str) -> bool:
        """Return whether a ``key`` has a value, as far as was learnt."""
        register = self._registers.get(key)
        return register is not None and bool(register.values)

    def learn_spare(self, registers: Iterable[Register]) -> None:
        """Load keys that may go to make room for others, the first to go first."""
        for register in registers:
            self._registers.setdefault(register.key, register)
            self._spare.append(register.key)

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
            return self._decide(stamped_behind(self._clock, operation))
        if first := self._answers.get(change.operation_id):
            return first.to(operation)
        outcome = self._decide(stamped_behind(self._clock, operation))
        if not outcome.exceeds_quota:
            answer = RegisterAnswer(change.key, change.says is None, outcome)
            self._answers[change.operation_id] = self.new_answers[change.operation_id] = answer
        return outcome

    def _decide(self, operation: RegisterOperation) -> Outcome:
        change, stamp = operation.change, operation.timestamp
        before = self._registers.get(change.key)
        was_there = self.has(change.key)
        if self.kind.are_keys_devices:
            if not was_there and (change.says is None or change.key != operation.device_id):
                return Outcome(status=Status.NOT_FOUND)
            if before is not None and _repeats(change, before.values):
                return Outcome(status=Status.UPDATED, register=self._update(before))
        says = dict.fromkeys(self.kind.members) if change.says is None else change.says
        said = LWWMap({name: LWWRegister(value, stamp) for name, value in says.items()})
        known = NO_FIELDS if before is None else before.members
        members = known.merge(said)
        if before is not None and members == known:  # a later word is there; or the same: it comes again
            return self._outcome(operation, said, before, was_there=True)
        try:
            forgotten = () if was_there or not _values_of(members) else self._make_room(operation)
        except BoundReached as reached:
            return Outcome(status=Status.REFUSED, reason=str(reached), field=reached.field, quota=reached.quota)
        after = self._changed(operation, before, members, was_there=was_there)
        outcome = self._outcome(operation, said, after, was_there=was_there)
        return structs.replace(outcome, forgotten=forgotten, is_new=True)

    def _outcome(self, operation: RegisterOperation, said: Fields, now: Register, *, was_there: bool) -> Outcome:
        """Return what became of ``operation``, which ``said`` this of its key; ``now``: the key as it is."""
        stamp = operation.timestamp
        own_stamp = None if stamp == now.timestamp else stamp
        if any(self._is_superseded(name, one, now.members.registers[name]) for name, one in said.registers.items()):
            status, own_stamp = Status.SUPERSEDED, None
        elif operation.change.says is None:
            status = Status.REMOVED if was_there else Status.NOT_FOUND
        else:
            status = Status.UPDATED
        return Outcome(status=status, register=self._update(now), own_stamp=own_stamp)

    def _is_superseded(self, name: str, said: LWWRegister[Any], now: LWWRegister[Any]) -> bool:
        """Return whether a later word on a member holds ``now``, and not what was ``said``."""
        return now != said and not (name in self.kind.implied and now.value == said.value)

    def _make_room(self, operation: RegisterOperation) -> tuple[RegisterUpdate, ...]:
        """Let another key have a value, and return which have gone for it. Raises: BoundReached."""
        if self.kind.are_keys_devices:
            return tuple(self._forget_spare(operation))
        if self._present >= self._bounds.keys_per_user:
            raise keys_bound(self._bounds, self.kind.key_field)
        return ()

    def _forget_spare(self, operation: RegisterOperation) -> Iterator[RegisterUpdate]:
        while self._present >= self._bounds.devices_per_user and self._spare:
            key = self._spare.popleft()
            if not self.has(key):  # the batch has removed it
                continue
            outcome = self._decide(
                RegisterOperation(
                    line=self.line,
                    device_id=operation.device_id,
                    change=RegisterChange(key=key, says=None),
                    timestamp=tick(max(self._clock, operation.timestamp), 0, operation.timestamp.node),
                )
            )
            assert outcome.register is not None
            yield outcome.register

    def _changed(
        self, operation: RegisterOperation, before: Register | None, members: Fields, *, was_there: bool
    ) -> Register:
        """Record that a key has these ``members`` after ``operation``."""
        stamp, device_id = operation.timestamp, operation.device_id
        if before is not None and before.timestamp > stamp:  # of some members only
            stamp, device_id = before.timestamp, before.device_id
        after = Register(operation.change.key, self._revision + 1, stamp, device_id, members)
        is_there = bool(after.values)
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


def _values_of(members: Fields) -> Values:
    return {name: one.value for name, one in members.registers.items() if one.value is not None}


def _repeats(change: RegisterChange, values: Values) -> bool:
    """Return whether ``change`` says only what holds already, and its author has not stamped it."""
    if change.says is None or isinstance(change.timestamp, HLCTimestamp):
        return False
    return all(name in values and _encode(values[name]) == _encode(value) for name, value in change.says.items())
