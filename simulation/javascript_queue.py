"""What the JavaScript client's saves say of its queue, as the Python client has it; of progress, which is looked at."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from syncd_client.hlc import Timestamp
from syncd_client.register_messages import RegisterAction
from syncd_client.user_state import PendingWrite

from simulation.lines import PROGRESS

PREFIX: Final = f":{PROGRESS}\x1f"
"""What the keys of progress begin with."""


class _Write(Struct, rename={"is_unstamped": "isUnstamped"}):
    number: int
    operation_id: str
    operation: RegisterAction
    content_id: str
    timestamp: Timestamp
    data: dict[str, Any] | None = None
    is_unstamped: bool = False


class JavascriptQueue:
    """What is queued of progress on one device, whose disk it reads."""

    def __init__(self) -> None:
        self._read = 0
        """How many of the saves."""
        self._ids: dict[int, str] = {}
        """The operation's id of each write that is queued, by its number."""

    def changes(self, saves: Iterable[Raw]) -> Iterator[tuple[str, PendingWrite | None]]:
        """Yield what those of ``saves`` change that are new: operation ids, and what is queued; ``None``: no more."""
        for save in [*saves][self._read :]:
            self._read += 1
            for change in msgspec.json.decode(save):
                match change:
                    case {"queue": {"content_id": str(key)} as write} if key.startswith(PREFIX):
                        queued = msgspec.convert(write, _Write)
                        self._ids[queued.number] = queued.operation_id
                        yield queued.operation_id, _as_python(queued)
                    case {"settle": number} if operation_id := self._ids.pop(number, None):
                        yield operation_id, None


def _as_python(write: _Write) -> PendingWrite:
    return PendingWrite(
        operation_id=write.operation_id,
        operation=write.operation,
        content_id=write.content_id.removeprefix(PREFIX),
        tag=None,
        observed=0,
        timestamp=write.timestamp,
        is_unstamped=write.is_unstamped,
        data=write.data,
        registers=PROGRESS,
    )
