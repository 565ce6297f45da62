"""The tokens of one user: asking for them, the one in use and when it is renewed, and what is wrong with one."""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct, structs

from syncd_client.core.outputs import AskToken, Output, Timer
from syncd_client.core.timers import Timers
from syncd_client.core.token import Token

ANSWER_MS: Final = 20_000
RENEW_AHEAD_MS: Final = 60_000
RENEW_PAUSE_MS: Final = 30_000
FAR_S: Final = 1e12
"""An ``exp`` is cut off here: a later one makes no difference, and a huge float would be infinite in milliseconds."""

REFUSED_BEFORE: Final = "the token was refused before"
"""The reason in an event when the app's callback returns a token again that the service has refused."""

_WHITE_SPACE: Final = " \t\n\v\f\r"
_FOREIGN_CHARACTER: Final = re.compile(r"[^A-Za-z0-9._~+/=-]")


class Fault(Struct, frozen=True):
    """Why there is no usable token; ``is_lasting``: the app has to act."""

    reason: str
    is_lasting: bool


NO_ANSWER: Final = Fault(f"no token: get_token did not answer within {ANSWER_MS // 1000} s", is_lasting=False)


class Tokens:
    """Asks the app's callback, one question at a time; its outputs go to ``put``."""

    def __init__(self, user_id: str, put: Callable[[Output], None], timers: Timers, now_ms: Callable[[], int]) -> None:
        self._user_id = user_id
        self._put = put
        self._timers = timers
        self._now_ms = now_ms
        self._spent: set[str] = set()
        self._is_asked = False
        self.used = Token("")
        """The token of the attempt or connection under way."""

    def ask(self) -> None:
        """Ask the app's callback, which has ``ANSWER_MS`` to answer."""
        self._is_asked = True
        self._put(AskToken())
        self._timers.start(Timer.TOKEN, ANSWER_MS)

    def end_question(self) -> bool:
        """Accept no answer any more; return whether one was awaited."""
        was_asked, self._is_asked = self._is_asked, False
        self._timers.stop(Timer.TOKEN)
        return was_asked

    def fault_of(self, token: Token) -> Fault | None:
        """Return why ``token`` is not to be used; the reason never shows it."""
        if fault := fault_in(token, self._user_id):
            return fault
        return Fault(REFUSED_BEFORE, is_lasting=False) if token.value in self._spent else None

    def use(self, token: Token) -> None:
        """Note it as the one in use, and have it renewed in time."""
        self.used = token
        if token.exp is not None:
            ahead_ms = int(max(-FAR_S, min(token.exp, FAR_S)) * 1000) - RENEW_AHEAD_MS - self._now_ms()
            self._timers.start(Timer.RENEW, max(ahead_ms, RENEW_PAUSE_MS))

    def renew_later(self) -> None:
        """Ask again after a pause: the callback gave no new one."""
        self._timers.start(Timer.RENEW, RENEW_PAUSE_MS)

    def spend(self) -> None:
        """Never use the one in use again: the service has refused it."""
        self._spent.add(self.used.value)


def fault_in(token: Token, user_id: str) -> Fault | None:
    """Return why ``token`` cannot be one of this user's; the reason never shows it."""
    if not token.value:
        return Fault("the token is empty", is_lasting=False)
    if flaw := _flaw_of(token.value):
        return Fault(flaw, is_lasting=True)
    if token.sub not in (None, user_id):
        return Fault("the token is another user's", is_lasting=True)
    return None


def stripped(token: Token) -> Token:
    """Return it without white space at its ends."""
    return structs.replace(token, value=token.value.strip(_WHITE_SPACE))


def _flaw_of(value: str) -> str | None:
    """Return what is in ``value`` that no token can have, without showing the rest."""
    if value.lower().startswith("bearer "):
        return "the token begins with 'Bearer '"
    found = _FOREIGN_CHARACTER.search(value)
    if found is None:
        return None
    match found[0]:
        case "\n" | "\r":
            return "the token has a line break in it"
        case " " | "\t":
            return "the token has a space in it"
        case other:
            return f"the token has a character in it that no token has: U+{ord(other):04X}"
