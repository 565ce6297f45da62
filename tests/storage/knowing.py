"""What is said of devices, in the journal of a test."""

from collections.abc import Callable

from actors.messages.collections import DEVICES, line_of
from actors.messages.device_registers import description
from actors.messages.devices import DeviceFields
from actors.messages.journal import Outcome
from actors.messages.registers import RegisterChange, RegisterOperation
from crdt.hlc import HLCTimestamp, tick
from storage.databases.database import Database
from storage.journal.journal_store import SqlJournalStore
from storage.rules.bounds import DEFAULT_BOUNDS, Bounds


class Knowing:
    """Writes registers of devices, stamped by a service whose clock goes on with each."""

    def __init__(self, database: Database, now_ms: Callable[[], int], bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self._journal = SqlJournalStore(database, now_ms, bounds=bounds)
        self._now_ms = now_ms
        self._clock = HLCTimestamp(0, 0, "a")

    def say(
        self, device_id: str, fields: DeviceFields | None = None, *, by: str | None = None, user_id: str = "ann"
    ) -> Outcome:
        """Say ``fields`` of a device, as itself or ``by`` another."""
        return self.write(description(device_id, fields or DeviceFields()), by=by or device_id, user_id=user_id)

    def forget(self, device_id: str, *, by: str) -> Outcome:
        """Forget one of ann's devices."""
        return self.write(RegisterChange(key=device_id, says=None), by=by)

    def write(self, change: RegisterChange, *, by: str, user_id: str = "ann") -> Outcome:
        """Have a ``change`` done, with its author's stamp if it has one."""
        return self.write_all((change, by), user_id=user_id)[0]

    def write_all(self, *changes: tuple[RegisterChange, str], user_id: str = "ann") -> list[Outcome]:
        """Have changes done in one transaction, each by a device."""
        return self._journal.commit([self._operation(change, by, user_id) for change, by in changes])

    def _operation(self, change: RegisterChange, by: str, user_id: str) -> RegisterOperation:
        stamp = change.timestamp
        if not isinstance(stamp, HLCTimestamp):
            stamp = self._clock = tick(self._clock, self._now_ms(), "a")
        return RegisterOperation(line=line_of(user_id, DEVICES), device_id=by, change=change, timestamp=stamp)
