"""From a poll's answer to the listener: selects whose messages are wanted, and drops doubles and echoes."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from actors.ports import NOBODY
from transport.bus.channels import CONTROL_CHANNEL, user_of
from transport.bus.peek import peek
from transport.bus.pubnub.client import CANARY_CHANNEL
from transport.bus.pubnub.polls import Envelope
from transport.bus.subscribed import SubscribedUsers

logger = logging.getLogger(__name__)

REMEMBERED = 4_096
"""Messages remembered to recognise doubles; PubNub repeats at most a queue's length, 100 to 500."""


class Ingester:
    """Passes on each message that is wanted once; never raises, whatever arrives. Thread: the event loop."""

    def __init__(self) -> None:
        self.listener = NOBODY
        self.users = SubscribedUsers()
        self.doubles = 0
        self.echoes = 0
        self.elsewhere = 0
        self.malformed = 0
        """Invalid envelopes, and messages that made the listener raise."""
        self._seen: set[tuple[str | int, str, str | None]] = set()
        self._seen_in_order: deque[tuple[str | int, str, str | None]] = deque()

    def ingest(self, envelopes: Iterable[Envelope]) -> None:
        """Pass on what one poll brought, in order. Cost: a fifth of a microsecond for what nobody here wants."""
        listener = self.listener
        for envelope in envelopes:
            if envelope.e or envelope.c == CANARY_CHANNEL:
                continue  # a signal, an object's, action's or file's event, or a canary
            if envelope.c == CONTROL_CHANNEL:
                self._select_control(envelope)
                continue
            user_id = self.users.user_of(envelope.c)
            if user_id is None and listener.on_foreign is None:
                self.elsewhere += 1
                continue
            self._select(envelope, user_id)

    def _select(self, envelope: Envelope, user_id: str | None) -> None:
        seems, on_foreign = peek(envelope.d), self.listener.on_foreign
        if seems.origin == self.listener.node:
            self.echoes += 1
        elif on_foreign is not None and not seems.is_of_node and (user_id is None or seems.is_foreign_write):
            sender = user_of(envelope.c)
            if sender is not None:
                self._pass_on(partial(on_foreign, sender), envelope)
        elif user_id is None:
            self.elsewhere += 1
        else:
            self._pass_on(partial(self.listener.on_message, user_id), envelope)

    def _select_control(self, envelope: Envelope) -> None:
        if peek(envelope.d).origin == self.listener.node:
            self.echoes += 1
        elif self.listener.on_control is not None:
            self._pass_on(self.listener.on_control, envelope)

    def _pass_on(self, tell: Callable[[bytes], None], envelope: Envelope) -> None:
        if not self._is_new((envelope.p.t, envelope.c, envelope.i)):
            return
        try:
            tell(bytes(envelope.d))
        except Exception:  # one bad message must not affect the others, nor end the poll
            self.malformed += 1
            logger.exception("a message on the bus was skipped")

    def _is_new(self, key: tuple[str | int, str, str | None]) -> bool:
        if key in self._seen:
            self.doubles += 1
            return False
        self._seen.add(key)
        self._seen_in_order.append(key)
        if len(self._seen_in_order) > REMEMBERED:
            self._seen.discard(self._seen_in_order.popleft())
        return True
