"""Commands of devices to each other: who was told of them, and what their senders were answered."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

ERRORS: Final = frozenset({"device_offline", "not_found", "try_again_later"})
NOBODY: Final = "nobody"
"""A device that is not known."""


class Sent(Struct, eq=False):
    """A command."""

    user_id: str
    target: str
    carrier: object
    """The connection on which it was sent."""
    goal: object
    """That of its target; ``None``: it had none, or one that not all comes through."""
    answer: str | None = None
    told: dict[object, None] = field(default_factory=dict)
    """The connections that were told of it."""


class CommandWitness:
    """Knows all commands.

    Args:
        violate: is told what must not happen.
    """

    def __init__(self, violate: Callable[[str], None]) -> None:
        self._violate = violate
        self.sent: dict[str, Sent] = {}

    def sends(self, sent: Sent) -> str:
        """Return how a command is called."""
        name = f"command.{len(self.sent)}"
        self.sent[name] = sent
        return name

    def answered(self, name: str, answer: str) -> None:
        """Judge what a sender is told: ``sent``, or why not."""
        sent = self.sent[name]
        if answer not in ERRORS and (answer != "sent" or sent.target == NOBODY):
            self._violate(f"{sent.user_id} {name} to {sent.target} was answered {answer}")
        if sent.answer is not None:
            self._violate(f"{sent.user_id} {name} was answered {sent.answer}, then {answer}")
        sent.answer = answer

    def told(self, user_id: str, device: str, connection: object, told: dict[str, Any]) -> None:
        """Judge who is told of a command: connections of its target, each once."""
        name: str = told["command"]
        sent = self.sent[name]
        if (user_id, device) != (sent.user_id, sent.target):
            self._violate(f"{device} of {user_id} was told of {name}, which was for {sent.target} of {sent.user_id}")
        if connection in sent.told:
            self._violate(f"{device} of {user_id} was told of {name} twice")
        sent.told[connection] = None
