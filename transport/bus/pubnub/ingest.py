"""From a poll's answer to the subscriber: selects users' messages, drops doubles, and encodes them as JSON."""

import json
import logging
from collections import deque
from typing import Any

import msgspec

from actors.ports import OnMessage
from transport.bus.channels import user_of
from transport.bus.pubnub.client import CANARY_CHANNEL

logger = logging.getLogger(__name__)

REMEMBERED = 4_096
"""Messages remembered to recognise doubles; PubNub repeats at most a queue's length, 100 to 500."""

_encode = msgspec.json.Encoder().encode


class Ingester:
    """Passes on each user's message once; never raises, whatever arrives. Thread: the event loop."""

    def __init__(self) -> None:
        self.on_message: OnMessage = lambda user_id, payload: None
        self.duplicates = 0
        self.malformed = 0
        """Invalid envelopes, and messages that made the subscriber raise."""
        self._seen: set[tuple[Any, ...]] = set()
        self._seen_in_order: deque[tuple[Any, ...]] = deque()

    def ingest(self, envelopes: list[Any]) -> None:
        """Pass on what one poll brought, in order. Cost: a few microseconds each."""
        for envelope in envelopes:
            try:
                self._ingest_one(envelope)
            except Exception:  # one bad message must not affect the others, nor end the poll
                self.malformed += 1
                logger.exception("a message on the bus was skipped")

    def _ingest_one(self, envelope: dict[str, Any]) -> None:
        channel: str = envelope["c"]
        if envelope.get("e") or channel == CANARY_CHANNEL:
            return  # a signal, an object's, action's or file's event, or a canary
        user_id = user_of(channel)
        if user_id is None or not self._is_new((envelope["p"]["t"], channel, envelope.get("i"))):
            return
        self.on_message(user_id, _bytes_of(envelope["d"]))

    def _is_new(self, key: tuple[Any, ...]) -> bool:
        if key in self._seen:
            self.duplicates += 1
            return False
        self._seen.add(key)
        self._seen_in_order.append(key)
        if len(self._seen_in_order) > REMEMBERED:
            self._seen.discard(self._seen_in_order.popleft())
        return True


def _bytes_of(message: Any) -> bytes:
    """Encode again what the SDK has parsed."""
    try:
        return _encode(message)
    except (OverflowError, UnicodeEncodeError):  # huge integers, lone surrogates: for the codec to refuse and count
        return json.dumps(message).encode()
