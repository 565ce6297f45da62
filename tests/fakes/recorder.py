"""Actors that record what happens to them."""

from collections.abc import Callable
from typing import Any

from pykka import ActorRef

from actors.runtime import LoopActor

Keep = Callable[[ActorRef[Any]], ActorRef[Any]]


class Recorder(LoopActor):
    """Records its messages, calls those that can be called, raises exceptions, and marks where it was idle."""

    def __init__(self, record: list[Any], mark: str = "idle") -> None:
        super().__init__()
        self.record = record
        self.mark = mark

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message(self)
        self.record.append(message)
        return None

    def on_idle(self) -> None:
        self.record.append(self.mark)


class AsyncRecorder(LoopActor):
    """Handles each message by awaiting it, and records when it began and ended."""

    def __init__(self, record: list[Any]) -> None:
        super().__init__()
        self.record = record

    async def on_receive(self, message: Callable[[], Any]) -> Any:
        self.record.append("began")
        try:
            return await message()
        finally:
            self.record.append("ended")

    def on_idle(self) -> None:
        self.record.append("idle")
