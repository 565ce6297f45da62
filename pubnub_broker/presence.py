"""Who is where: occupants by name, each until a time, and the state they set on channels."""

from collections.abc import Collection, Iterable

from msgspec import Raw

from pubnub_broker.names import Name

SWEEP_INTERVAL_S = 1.0


class Presence:
    """Occupants of one keyset. Times are seconds of any steady clock and come as arguments.

    A group's occupant occupies the group's name, not each of its channels: joining costs the same for 1 and 2,000.
    """

    def __init__(self) -> None:
        self._until: dict[Name, dict[str, float]] = {}  # name -> occupant -> when it times out
        self._states: dict[tuple[str, str], Raw] = {}  # (channel, occupant) -> JSON object
        self._next_sweep_s = 0.0

    def touch(self, names: Iterable[Name], uuid: str, until_s: float) -> list[Name]:
        """Keep ``uuid`` in ``names`` until ``until_s``; return the names it was not in before."""
        joined = []
        for name in names:
            occupants = self._until.setdefault(name, {})
            if uuid not in occupants:
                joined.append(name)
            occupants[uuid] = until_s
        return joined

    def leave(self, names: Iterable[Name], uuid: str) -> list[Name]:
        """Remove ``uuid`` from ``names``; return those it was in."""
        left = []
        for name in names:
            occupants = self._until.get(name, {})
            if occupants.pop(uuid, None) is not None:
                left.append(name)
                self._states.pop((name.text, uuid), None)
                if not occupants:
                    del self._until[name]
        return left

    def expire(self, now_s: float) -> list[tuple[Name, str]]:
        """Remove those whose time is over, and return them. Looks at most once a second."""
        if now_s < self._next_sweep_s:
            return []
        self._next_sweep_s = now_s + SWEEP_INTERVAL_S
        over = [
            (name, uuid)
            for name, occupants in self._until.items()
            for uuid, until_s in occupants.items()
            if until_s <= now_s
        ]
        for name, uuid in over:
            self.leave([name], uuid)
        return over

    def occupants(self, names: Collection[Name]) -> list[str]:
        """Return who is in any of ``names``, each once, in the order they joined."""
        return list(dict.fromkeys(uuid for name in names for uuid in self._until.get(name, ())))

    def occupied(self) -> list[Name]:
        """Return every name somebody is in."""
        return list(self._until)

    def names_of(self, uuid: str) -> list[Name]:
        """Return where ``uuid`` is. Cost: one look at each occupied name."""
        return [name for name, occupants in self._until.items() if uuid in occupants]

    def set_state(self, channel: str, uuid: str, state: Raw) -> None:
        """Remember ``state``, a JSON object, for ``uuid`` on ``channel`` until it leaves."""
        self._states[channel, uuid] = state

    def state(self, channel: str, uuid: str) -> Raw:
        """Return what was set, or an empty object."""
        return self._states.get((channel, uuid), Raw(b"{}"))
