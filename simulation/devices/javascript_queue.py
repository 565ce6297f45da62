"""What the JavaScript client's saves say of registers in its queue, as the Python client has it."""

from collections.abc import Iterator, Sequence
from re import compile as compile_pattern
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from syncd_client.data.hlc import Timestamp
from syncd_client.data.register_messages import RegisterAction
from syncd_client.data.user_state import PendingWrite

_KEY: Final = compile_pattern(":(.+)\x1f(.*)")
"""Of a register: its collection, and what is its key there."""


class _Write(Struct, rename={"is_unstamped": "isUnstamped"}):
    number: int
    operation_id: str
    operation: RegisterAction
    timestamp: Timestamp
    data: dict[str, Any] | None = None
    is_unstamped: bool = False


class JavascriptQueue:
    """What is queued of registers on one device, whose disk it reads."""

    def __init__(self) -> None:
        self._read = 0
        """How many of the saves."""
        self._ids: dict[int, str] = {}
        """The operation's id of each write that is queued, by its number."""

    def changes(self, saves: Sequence[Raw]) -> Iterator[tuple[str, PendingWrite | None]]:
        """Yield what those of ``saves`` change that are new: operation ids, and what is queued; ``None``: no more."""
        for save in saves[self._read :]:
            self._read += 1
            for change in msgspec.json.decode(save):
                match change:
                    case {"queue": {"content_id": str(key)} as write} if of_register := _KEY.fullmatch(key):
                        queued = msgspec.convert(write, _Write)
                        self._ids[queued.number] = queued.operation_id
                        yield queued.operation_id, _as_python(queued, *of_register.groups())
                    case {"settle": number} if operation_id := self._ids.pop(number, None):
                        yield operation_id, None


def _as_python(write: _Write, collection: str, key: str) -> PendingWrite:
    return PendingWrite(
        operation_id=write.operation_id,
        operation=write.operation,
        content_id=key,
        tag=None,
        observed=0,
        timestamp=write.timestamp,
        is_unstamped=write.is_unstamped,
        data=write.data,
        registers=collection,
    )
