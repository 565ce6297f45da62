"""One list as an app sees it: the watchlist, or one beside it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from syncd_client.core.core import Core
from syncd_client.data.ids import check_content_ids
from syncd_client.data.list_view import Item
from syncd_client.data.messages import Action
from syncd_client.data.placing import positions_for
from syncd_client.engine import Engine
from syncd_client.operation import Operation
from syncd_client.transport import catalogue
from syncd_client.transport.catalogue import NamedList


class ListCalls(ABC):
    """What can be seen of one list, and done with it.

    Args:
        list_id: which one; ``None``: the watchlist.
    """

    def __init__(self, list_id: str | None) -> None:
        self._list_id = list_id
        self._content_ids: tuple[tuple[Item, ...], frozenset[str]] = ((), frozenset())

    @abstractmethod
    def _engine_now(self) -> Engine:
        """Return the client's engine: another one after ``close`` and ``sign_in``."""

    @abstractmethod
    def _check(self, call: str) -> None:
        """Check that ``call`` may go on. Raises: RuntimeError."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The list, the user's unconfirmed changes included: the same tuple until something changes.

        In order of ``position``, and behind those the items that have none, the newest first.
        """
        return self._engine_now().core.items_of(self._list_id)

    def has(self, content_id: str | UUID) -> bool:
        """Return whether a content is in the list. Cost: O(n) after a change of the list, else O(1).

        Raises:
            ValueError: ``content_id`` is not valid.
        """
        items, content_ids = self._content_ids
        if items is not self.items:
            items = self.items
            content_ids = frozenset(item.content_id for item in items)
            self._content_ids = items, content_ids
        return self._engine_now().canonical(content_id) in content_ids

    def add(
        self, content_id: str | UUID, *, data: dict[str, Any] | None = None, position: str | None = None
    ) -> Operation:
        """Put a content into the list, or change what is said of it there.

        ``await`` what it returns to know that the change is kept on this device.

        Args:
            content_id: which one.
            data: what the app says of the item, at most 1 KiB of JSON; ``{}`` empties it, ``None`` leaves it as it is.
            position: where it is to stand, see ``between``; ``None``: where it stands already.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is not valid, or the service would refuse ``data`` or ``position``.
            TypeError: ``data`` is not what JSON can hold.
        """
        self._check("add")
        return self._enqueue("add", [(content_id, position)], data)[0]

    def remove(self, content_id: str | UUID) -> Operation:
        """Take a content out of the list; like ``add``."""
        self._check("remove")
        return self._enqueue("remove", [(content_id, None)])[0]

    def add_many(self, content_ids: Iterable[str | UUID]) -> list[Operation]:
        """Put contents into the list, the last one on top: all, or none if one id is not valid; like ``add``."""
        self._check("add_many")
        return self._enqueue("add", [(content_id, None) for content_id in check_content_ids(content_ids)])

    def remove_many(self, content_ids: Iterable[str | UUID]) -> list[Operation]:
        """Take contents out of the list; like ``add_many``."""
        self._check("remove_many")
        return self._enqueue("remove", [(content_id, None) for content_id in check_content_ids(content_ids)])

    def move(
        self, content_id: str | UUID, *, before: str | UUID | None = None, after: str | UUID | None = None
    ) -> Operation:
        """Put a content, in the list or not, before or behind another one; with neither, at the end.

        Others get a new position, too, if they stand before it without one, share one behind it, or leave it no room.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: an id is not valid, or the other content is not in the list.
        """
        self._check("move")
        canonical = self._engine_now().canonical
        moved = canonical(content_id)
        neighbours = (None if other is None else canonical(other) for other in (before, after))
        given = positions_for(self.items, moved, *neighbours)
        operations = self._enqueue("add", given)
        return next(operation for operation in operations if operation.content_id == moved)

    def _enqueue(
        self,
        operation: Action,
        contents: Sequence[tuple[str | UUID, str | None]],
        data: dict[str, Any] | None = None,
    ) -> list[Operation]:
        """Queue ``operation`` for each content, with its position if any: for all, or none if an id is not valid."""
        engine = self._engine_now()
        canonical = [(engine.canonical(content_id), position) for content_id, position in contents]
        return engine.enqueue(
            partial(
                Core.enqueue,
                operation=operation,
                content_id=content_id,
                list_id=self._list_id,
                data=data,
                position=position,
            )
            for content_id, position in canonical
        )


class UserList(ListCalls):
    """A list beside the watchlist: made by ``client.list(…)``, and followed from then on, whoever is signed in.

    Thread: as the client's.
    """

    def __init__(self, list_id: str, client: ListCalls) -> None:
        super().__init__(list_id)
        self.list_id = list_id
        """What it is called in messages; people are shown its name."""
        self._client = client

    async def rename(self, name: str) -> NamedList:
        """Set the name that people are shown, and create the list if it is not there. Needs a connection.

        Raises:
            NotSignedInError: nobody's list is open.
            RequestFailedError: it cannot be done, or not now.
        """
        self._check("rename")
        return await catalogue.rename(self._engine_now().ask, self.list_id, name)

    async def delete(self) -> None:
        """Delete it with all that is in it, on every device; if there is none, do nothing. Needs a connection.

        Raises:
            NotSignedInError: nobody's list is open.
            RequestFailedError: it cannot be done, or not now.
        """
        self._check("delete")
        await catalogue.delete(self._engine_now().ask, self.list_id)

    def _engine_now(self) -> Engine:
        return self._client._engine_now()

    def _check(self, call: str) -> None:
        self._client._check(call)
