"""What random scripts have of registers: reports, devices, and what the service says of either."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.clients.lock_step import START_MS, Pair, Step

CONTENTS: Final = tuple(f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "abcd")
EPOCHS: Final = ("e1", "e1", "e1", "e1", "e2")
NODES: Final = ("s", "r1", "r2", "\uffff", "\uffff", "\U00010000", "\U00010000", "")
"""By UTF-16 units U+10000 would come before U+FFFF."""
COLLECTIONS: Final = ("progress", "devices")
NAMED: Final = (*COLLECTIONS, "lists")
DEVICES: Final = ("tv", "phone")
STATES: Final = ("playing", "playing", "playing", "playing", "paused", "stopped")
ANSWERS: Final = ("added", "existing", "removed", "updated", "superseded")
PAYLOAD: Final[Step] = {"payload": {"n": [1]}, "from_device_id": "tv", "position_seconds": 1.5}
BAD: Final[tuple[Step, ...]] = (
    {"report": CONTENTS[0], "position_seconds": -1},
    {"report": CONTENTS[0], "position_seconds": True},
    {"report": CONTENTS[0], "position_seconds": 1, "state": "rewinding"},
    {"update_device": "", "platform": "ios"},
    {"update_device": "tv", "device_name": "\x00"},
    {"update_device": "tv", "capabilities": [1]},
    {"forget_device": "a\nb"},
)


def timestamp(rng: Random) -> dict[str, object]:
    """Return one that is near those of the clients."""
    physical = START_MS + rng.choice((-1, 0, 0, 0, 0, 1, 10**6))
    return {"physical": physical, "logical": rng.choice((0, 0, 1, 65_535)), "node": rng.choice(NODES)}


class RegisterScript:
    """Draws steps for the scripts that are about registers, too."""

    def __init__(self, rng: Random, pair: Pair) -> None:
        self._rng = rng
        self._pair = pair
        self._has_registers = rng.random() < 0.5
        self._collection = COLLECTIONS[0]
        """That the message is about."""
        self._list = (9, "e1")
        """Revision and epoch of what comes in pieces."""
        self._position = 100.0
        """Where something plays."""

    @property
    def is_drawn(self) -> bool:
        """Whether the app's next call is about registers."""
        return self._has_registers and self._rng.random() < 0.5

    @property
    def _opened(self) -> list[str]:
        return [name for name in COLLECTIONS if name in self._pair.python.wanted]

    def app(self) -> Step:
        """Return a call of the app."""
        chance = self._rng.random()
        if not self._opened or chance < 0.05:
            return {"app": {"open": self._rng.choice(NAMED)}}
        if self._pair.python.user_id is None:
            return {"app": self._rng.choice(BAD[2:]), "raises": True} if chance < 0.2 else {"app": "flush"}
        if chance < 0.1:
            return {"app": self._rng.choice(BAD), "raises": True}
        return {"app": self._of_progress() if self._rng.choice(self._opened) == "progress" else self._of_devices()}

    def _of_progress(self) -> Any:
        chance, content_id = self._rng.random(), self._rng.choice(CONTENTS[:2])
        if chance < 0.1:
            return "flush"
        if chance < 0.2:
            return {"remove": content_id, "collection": "progress"}
        self._position += self._rng.choice((-200, -1, 0, 0.5, 1, 3, 3.5, 9))
        said = self._some(state=self._rng.choice(STATES))
        said |= self._rng.choice(({}, {}, {"duration_seconds": self._rng.choice((0, 120, 300.5))}))
        said |= self._rng.choice(({}, {}, {}, {"watched": True}, {"watched": False}))
        return {"report": content_id, "position_seconds": abs(self._position), **said}

    def _of_devices(self) -> Any:
        device_id = self._rng.choice(DEVICES)
        if self._rng.random() < 0.2:
            return {"forget_device": device_id}
        return {"update_device": device_id, **self._described()}

    def _described(self) -> dict[str, object]:
        said = {"device_name": self._rng.choice("ab"), "device_type": "tv", "platform": "webos"}
        return self._some(**said, capabilities=self._rng.choice(({}, {"n": 1})))

    # What the service says

    def message(self, *, is_live: bool) -> dict[str, Any] | None:
        """Return what it says of registers; ``None``: it says something else."""
        if not self._has_registers or self._rng.random() < 0.5:
            return None
        if self._rng.random() < 0.1:
            return self._of_lists()
        self._collection = self._rng.choice(self._opened or COLLECTIONS)
        kinds: list[tuple[int, Callable[[], dict[str, Any]]]] = [
            (30 if is_live else 12, self._update),
            (2 if is_live else 20, self._resumed),
            (2, self._snapshot),
            (2 if is_live else 8, self._piece),
            (8, self._hint),
        ]
        (draw,) = self._rng.choices([draw for _, draw in kinds], [weight for weight, _ in kinds])
        return draw()

    @property
    def _type(self) -> str:
        return {"progress": "progress", "devices": "device"}[self._collection]

    def _some(self, **fields: object) -> dict[str, object]:
        return {name: value for name, value in fields.items() if self._rng.random() < 0.6}

    def _revision(self, *steps: int) -> int:
        return max(0, self._pair.revision_of(self._collection) + self._rng.choice(steps))

    def _value(self) -> dict[str, object]:
        stamp = self._some(timestamp=timestamp(self._rng))
        if self._collection == "devices":
            return {"device_id": self._rng.choice(DEVICES), **self._described(), **stamp}
        position, duration = self._rng.choice((0, 7.5, 90, 100)), self._rng.choice((0, 100, 100, 333))
        said = self._some(state=self._rng.choice(STATES), watched=self._rng.random() < 0.5, device_id="tv")
        return {
            "content_id": self._rng.choice(CONTENTS[:2]),
            "position": position,
            "duration": duration,
            **said,
            **stamp,
        }

    def _update(self) -> dict[str, Any]:
        action = self._rng.choice(({}, {"action": "update"}, {"action": "update"}, {"action": "remove"}))
        revision = {"revision": self._revision(1, 1, 1, 1, 1, 1, 0, 2, 3)} if self._rng.random() < 0.97 else {}
        return {"type": f"{self._type}_update", **self._value(), **action, **revision}

    def _resumed(self) -> dict[str, Any]:
        is_recovered = self._rng.random() < 0.7
        revision, epoch = self._revision(0, 0, 0, 1, 3, 5), self._rng.choice(EPOCHS)
        if not is_recovered and self._rng.random() < 0.7:
            revision, epoch = self._list
        reason = {} if is_recovered else {"reason": "history_pruned"}
        known = {"recovered": is_recovered, "revision": revision, "epoch": epoch, **reason}
        return {"type": "resumed", **known, "collection": self._collection}

    def _items(self) -> list[dict[str, object]]:
        items = [self._value() for _ in range(self._rng.randint(0, 3))]
        key = "content_id" if self._collection == "progress" else "device_id"
        return list({item[key]: item for item in items}.values())

    def _snapshot(self) -> dict[str, Any]:
        known = {"revision": self._revision(-3, 0, 0, 3), "epoch": self._rng.choice(EPOCHS)}
        return {"type": f"{self._collection}_snapshot", **known, "items": self._items()}

    def _piece(self) -> dict[str, Any]:
        if self._rng.random() < 0.1:
            self._list = self._revision(0, 2, 9), self._rng.choice(EPOCHS)
        revision, epoch = self._list
        fields: dict[str, object] = {"start": True} if self._rng.random() < 0.4 else {}
        if self._rng.random() < 0.6:
            fields["next"] = self._rng.choice(("c1", "ü &"))
        kind = f"{self._collection}_snapshot_piece"
        return {"type": kind, "revision": revision, "epoch": epoch, "items": self._items(), **fields}

    def _of_lists(self) -> dict[str, Any]:
        if self._rng.random() < 0.4:
            known = {"recovered": True, "revision": 0, "epoch": self._rng.choice(EPOCHS)}
            return {"type": "resumed", **known, "collection": "lists"}
        names = [{"list": name, "name": self._rng.choice("ab")} for name in ("kids", "later")]
        return {"type": "lists", "lists": names[: self._rng.randint(0, 2)]}

    def _hint(self) -> dict[str, Any]:
        seen = self._rng.choice(("2026-11-26T12:00:00.000+00:00", "2026-11-26T12:01:00.000+00:00"))
        hint = {"is_online": self._rng.random() < 0.5, "last_seen": seen}
        return {"type": "device_update", "device_id": self._rng.choice(DEVICES), **hint}
