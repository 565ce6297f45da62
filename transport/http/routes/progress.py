"""The routes of playback progress."""

from functools import partial
from typing import Final

import msgspec
from typing_extensions import override

from actors.messages.collections import PROGRESS
from actors.messages.progress import ProgressChange
from transport.access.authentication import Claims
from transport.http.exchange.pending_answers import Answered, WriteAnswer
from transport.http.exchange.requests import MAX_WRITE_BYTES, decode
from transport.http.routes.writes import WriteRoute

_DECODER: Final = msgspec.json.Decoder(ProgressChange)


class ProgressRoute(WriteRoute):
    """Say how far one content was played, or forget that."""

    max_bytes = MAX_WRITE_BYTES

    @override
    def submit(self, claims: Claims, body: bytes, trace: str | None, answered: Answered) -> None:
        change = decode(partial(self._change, _DECODER), body)
        self._acquire(claims, 1)
        answer = WriteAnswer(self._deadlines, answered, change, PROGRESS)
        self._write(change.register_change(), claims, trace, answer.decide, PROGRESS)
