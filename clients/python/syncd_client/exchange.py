"""What is said about the list on one connection: missed updates, live ones, writes and their answers."""

from collections.abc import Callable
from typing import Final, assert_never

from syncd_client import events
from syncd_client.messages import Ack, Error, Resumed, WatchlistSnapshot, WatchlistUpdate
from syncd_client.outputs import Emit, Output, Send, StartTimer, Timer
from syncd_client.watchlist import Watchlist

STABLE_MS: Final = 10_000
RETRY_MS: Final = 1_000

ListMessage = WatchlistUpdate | Resumed | WatchlistSnapshot | Ack | Error


class GapError(Exception):
    """A revision is missing: only a new connection brings it."""


class Exchange:
    """Brings ``watchlist`` and the service's list together over one open connection."""

    def __init__(self, watchlist: Watchlist, new_replica: Callable[[], str]) -> None:
        self._list = watchlist
        self._new_replica = new_replica
        self.is_live = False
        """Whether everything that was missed has come."""
        self._live_at: int | None = None
        """The revision that makes it live; ``None``: only a snapshot does."""
        self._snapshot_reason: str | None = None
        self._is_pausing = False
        watchlist.queue.put_all_back()

    def take(self, message: ListMessage) -> list[Output]:
        """Take one message.

        Raises:
            GapError: nothing of it was taken; the connection is of no use any more.
        """
        match message:
            case WatchlistUpdate():
                return self._update(message)
            case Resumed():
                return self._resumed(message)
            case WatchlistSnapshot():
                self._list.take_snapshot(message)
                return self._go_live(events.Resumed(recovered=False, reason=self._snapshot_reason))
            case Ack():
                return self._answered(message, message.status, message.revision)
            case Error(code="not_found"):
                return self._answered(message, message.code, None)
            case Error():
                return self._failed(message)
            case _:
                assert_never(message)

    def end_pause(self) -> None:
        """What was to be tried again later may be sent."""
        self._is_pausing = False

    def sends(self) -> list[Output]:
        """Return the writes that may go now; they are in flight from here on."""
        if not self.is_live or self._is_pausing:
            return []
        return [Send(operation.as_write()) for operation in self._list.queue.take_sendable()]

    def _resumed(self, resumed: Resumed) -> list[Output]:
        if not resumed.recovered:
            self.is_live, self._live_at, self._snapshot_reason = False, None, resumed.reason
            return []
        self._list.take_epoch(resumed.epoch)
        self._live_at = resumed.revision
        return self._check_live()

    def _update(self, update: WatchlistUpdate) -> list[Output]:
        if update.revision is None or update.revision <= self._list.revision:
            return []
        if update.revision > self._list.revision + 1:
            raise GapError(f"revision {update.revision} came after {self._list.revision}")
        self._list.take_update(update, update.revision)
        return self._check_live()

    def _check_live(self) -> list[Output]:
        if self._live_at is None or self._list.revision < self._live_at:
            return []
        return self._go_live(events.Resumed(recovered=True))

    def _go_live(self, event: events.Resumed) -> list[Output]:
        self._live_at = None
        if self.is_live:
            return []
        self.is_live = True
        return [StartTimer(Timer.STABLE, STABLE_MS), Emit(event)]

    def _answered(self, answer: Ack | Error, status: str, revision: int | None) -> list[Output]:
        operation = self._list.queue.in_flight(answer.id)
        if operation is None:
            return []
        self._list.answered(operation, revision, answer.timestamp if isinstance(answer, Ack) else None)
        event = events.Confirmed(
            operation_id=operation.operation_id,
            operation=operation.operation,
            content_id=operation.content_id,
            status=status,
            revision=revision,
        )
        return [Emit(event)]

    def _failed(self, error: Error) -> list[Output]:
        operation = self._list.queue.in_flight(error.id)
        if operation is None:
            return []
        if error.code == "try_again_later":
            self._list.queue.put_back(operation.operation_id)
            self._is_pausing = True
            return [StartTimer(Timer.RETRY, RETRY_MS if error.retry_after_ms is None else error.retry_after_ms)]
        if error.field == "timestamp" and not operation.is_stamped_by_service:
            self._list.leave_stamp_to_service(operation)
            return []
        self._list.refused(operation, self._new_replica() if operation.operation == "add" else None)
        event = events.Refused(
            operation_id=operation.operation_id,
            operation=operation.operation,
            content_id=operation.content_id,
            code=error.code,
            message=error.message,
        )
        return [Emit(event)]
