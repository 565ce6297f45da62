"""One list, for code without asyncio, and what a change of it returns: see ``syncd_client.sync``."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar
from uuid import UUID

from syncd_client import user_list
from syncd_client.data.list_view import Item
from syncd_client.data.messages import Action
from syncd_client.data.register_messages import RegisterAction
from syncd_client.data.user_state import StorageKind
from syncd_client.loop_thread import LoopThread
from syncd_client.operation import Operation as AwaitedOperation
from syncd_client.transport.catalogue import NamedList

T = TypeVar("T")


class Operation:
    """A change that is shown already. ``id`` is what ``Confirmed`` or ``Refused`` will name. Thread: any."""

    __slots__ = ("_awaited", "_thread", "content_id", "device_id", "id", "operation")

    def __init__(self, awaited: AwaitedOperation, thread: LoopThread) -> None:
        self.id: str = awaited.id
        self.operation: Action | RegisterAction = awaited.operation
        self.content_id: str = awaited.content_id
        """Empty if it is about a device."""
        self.device_id: str | None = awaited.device_id
        self._awaited = awaited
        self._thread = thread

    def wait(self, timeout_s: float | None = None) -> StorageKind:
        """Return when the change is kept on this device: ``"persistent"``, or ``"memory"``, until the process ends.

        Raises:
            TimeoutError: it is not kept after ``timeout_s``.
            RuntimeError: called by a listener, on the thread that is to keep it.
        """
        if self._awaited.kept is not None:
            return self._awaited.kept
        check_thread("wait", self._thread)
        return self._thread.run(_result_of(self._awaited), timeout_s)

    def __repr__(self) -> str:
        return repr(self._awaited)


class ListCalls(ABC):
    """What can be seen of one list, and done with it: as in ``syncd_client.user_list``. Thread: any."""

    def __init__(self, calls: user_list.ListCalls) -> None:
        self._calls = calls

    @abstractmethod
    def _opened(self, call: str) -> LoopThread:
        """Return the client's thread. Raises: RuntimeError, the client is closed."""

    @abstractmethod
    def _call(self, call: str, function: Callable[[], T]) -> T:
        """Return what ``function`` returns on the client's thread. Raises: RuntimeError, the client is closed."""

    @abstractmethod
    def _read(self, function: Callable[[], T]) -> T:
        """Return what ``function`` reads."""

    @abstractmethod
    def _wait(self, call: str, function: Callable[[], Coroutine[Any, Any, T]], timeout_s: float | None) -> T:
        """Return what ``function`` returns in the end. Raises: TimeoutError; RuntimeError, also to a listener."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, the user's unconfirmed changes included: the same tuple until something changes."""
        return self._read(lambda: self._calls.items)

    def has(self, content_id: str | UUID) -> bool:
        """Return whether a content is in the list."""
        return self._read(lambda: self._calls.has(content_id))

    def add(
        self, content_id: str | UUID, *, data: dict[str, Any] | None = None, position: str | None = None
    ) -> Operation:
        """Put a content into the list, or change what is said of it there.

        ``wait`` of what it returns says when the change is kept on this device.
        """
        return self._change("add", lambda: [self._calls.add(content_id, data=data, position=position)])[0]

    def remove(self, content_id: str | UUID) -> Operation:
        """Take a content out of the list; like ``add``."""
        return self._change("remove", lambda: [self._calls.remove(content_id)])[0]

    def add_many(self, content_ids: Iterable[str | UUID]) -> list[Operation]:
        """Put contents into the list, the last one on top: all, or none if one id is not valid; like ``add``."""
        return self._change("add_many", lambda: self._calls.add_many(content_ids))

    def remove_many(self, content_ids: Iterable[str | UUID]) -> list[Operation]:
        """Take contents out of the list; like ``add_many``."""
        return self._change("remove_many", lambda: self._calls.remove_many(content_ids))

    def move(
        self, content_id: str | UUID, *, before: str | UUID | None = None, after: str | UUID | None = None
    ) -> Operation:
        """Put a content before or behind another one; with neither, at the end; like ``add``."""
        return self._change("move", lambda: [self._calls.move(content_id, before=before, after=after)])[0]

    def _change(self, call: str, function: Callable[[], list[AwaitedOperation]]) -> list[Operation]:
        thread = self._opened(call)
        return [Operation(awaited, thread) for awaited in self._call(call, function)]


class UserList(ListCalls):
    """A list beside the watchlist, as ``syncd_client.UserList``. Thread: any."""

    def __init__(self, calls: user_list.UserList, client: ListCalls) -> None:
        super().__init__(calls)
        self.list_id = calls.list_id
        """What it is called in messages; people are shown its name."""
        self._list = calls
        self._client = client

    def rename(self, name: str, timeout_s: float | None = None) -> NamedList:
        """Say what people are shown as its name. Needs a connection.

        Raises:
            TimeoutError: there is no answer after ``timeout_s``.
        """
        return self._wait("rename", lambda: self._list.rename(name), timeout_s)

    def delete(self, timeout_s: float | None = None) -> None:
        """Delete it with all that is in it, on every device. Needs a connection.

        Raises:
            TimeoutError: there is no answer after ``timeout_s``.
        """
        self._wait("delete", self._list.delete, timeout_s)

    def _opened(self, call: str) -> LoopThread:
        return self._client._opened(call)

    def _call(self, call: str, function: Callable[[], T]) -> T:
        return self._client._call(call, function)

    def _wait(self, call: str, function: Callable[[], Coroutine[Any, Any, T]], timeout_s: float | None) -> T:
        return self._client._wait(call, function, timeout_s)

    def _read(self, function: Callable[[], T]) -> T:
        return self._client._read(function)


def check_thread(call: str, thread: LoopThread | None) -> None:
    """Check that a call may wait for ``thread``.

    Raises:
        RuntimeError: the caller is on it.
    """
    if thread is not None and thread.is_current:
        raise RuntimeError(f"{call}: a listener cannot wait for the thread that it runs on: call it on another one")


async def as_coroutine(function: Callable[[], T]) -> T:
    """Return what ``function`` returns."""
    return function()


async def _result_of(operation: AwaitedOperation) -> StorageKind:
    return await operation
