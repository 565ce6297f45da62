"""Whose turn it is: one message of each user at a time, so that nobody waits behind all that another user asks for."""

from collections import deque
from typing import Final, Generic, Protocol, TypeVar

MAX_WAITING_OF_USER: Final = 128
"""Messages of one user that wait for their turn: each costs memory."""


class OfUser(Protocol):
    """A message that somebody has sent."""

    @property
    def user_id(self) -> str:
        """Who."""
        ...


M = TypeVar("M", bound=OfUser)


class UserTurns(Generic[M]):
    """The messages that have not begun. Thread: the event loop. Cost: O(1), but for ``clear``."""

    def __init__(self) -> None:
        self._turns: deque[str] = deque()
        """The users who have a message here and none under way."""
        self._waiting: dict[str, deque[M]] = {}
        """User -> what has not begun; an empty one while the user's last message is under way."""

    def __bool__(self) -> bool:
        """Return whether a message may begin."""
        return bool(self._turns)

    def add(self, message: M) -> bool:
        """Take ``message`` in, and return whether that is possible: not too many of its user wait."""
        waiting = self._waiting.get(message.user_id)
        if waiting is None:
            self._waiting[message.user_id] = deque((message,))
            self._turns.append(message.user_id)
        elif len(waiting) < MAX_WAITING_OF_USER:
            waiting.append(message)
        else:
            return False
        return True

    def begin(self) -> M:
        """Return the message whose turn it is, which is under way until its ``end``. Raises: IndexError, none may."""
        return self._waiting[self._turns.popleft()].popleft()

    def put_back(self, message: M) -> None:
        """Let ``message``, which is under way, go on after its ``end``, when its user's turn comes again."""
        self._waiting[message.user_id].appendleft(message)

    def end(self, message: M) -> None:
        """Let the user's next message have its turn, behind the other users'."""
        if self._waiting[message.user_id]:
            self._turns.append(message.user_id)
        else:
            del self._waiting[message.user_id]

    def clear(self) -> list[M]:
        """Forget what has not begun, and return it."""
        messages = [message for waiting in self._waiting.values() for message in waiting]
        for waiting in self._waiting.values():
            waiting.clear()
        for user_id in self._turns:
            del self._waiting[user_id]
        self._turns.clear()
        return messages
