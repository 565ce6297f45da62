"""Who follows lists beside the watchlist, and writes to one that several devices and the backend share."""

from random import Random
from typing import Any, Final

from simulation.devices.device import Device
from simulation.judges.lines import line_of
from simulation.people.backend import Backend
from simulation.people.list_author import NAMES
from simulation.shape import Shape

SHARED: Final = "ours"
"""The list of each user that everybody writes to; the others have one author."""


class ListUsers:
    """Open lists on devices, write to the one that is shared, and delete that.

    Args:
        backend: writes to it, too.
        rng: draws what is done.
        contents: each user's.
        shape: of the world.
    """

    def __init__(self, backend: Backend, rng: Random, contents: dict[str, list[str]], shape: Shape) -> None:
        self._backend = backend
        self._contents = contents
        self._rng = rng
        self._of_author = NAMES[: shape.lists]
        self.lines = [line_of(user_id, SHARED) for user_id in contents] if shape.follows else []
        """Those that are shared."""

    def go_on(self, device: Device) -> None:
        """Let ``device``, or the backend for its user, do something."""
        rng, user_id = self._rng, device.user_id
        chance = rng.random()
        if chance < 0.25 and self._of_author:
            device.open_list(rng.choice(self._of_author))
        elif chance < 0.75:
            if SHARED not in device.lists:
                device.open_list(SHARED)
            device.write(*self._drawn(user_id))
        elif chance < 0.93 or self._of_author:  # a list's author knows where new lists begin, if nobody else deletes
            self._backend.write(user_id, *self._drawn(user_id))
        else:
            self._backend.delete_list(user_id, SHARED)

    def _drawn(self, user_id: str) -> tuple[Any, str, str, dict[str, Any]]:
        """Return a write: action, content, list, and what it says of the item."""
        rng = self._rng
        content_id = rng.choice(self._contents[user_id])
        if rng.random() < 0.35:
            return "remove", content_id, SHARED, {}
        says = {"data": {"n": rng.randrange(100)}, "position": rng.choice("abc")}
        return "add", content_id, SHARED, {name: value for name, value in says.items() if rng.random() < 0.6}
