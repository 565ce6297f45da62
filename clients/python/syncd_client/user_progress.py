"""How far the user has come in each content, as an app sees it."""

from functools import partial
from uuid import UUID

from syncd_client.core.core import Core
from syncd_client.data.progress_registers import ProgressItem
from syncd_client.operation import Operation
from syncd_client.user_list import ListCalls


class UserProgress:
    """``client.progress``: followed from its first use on, whoever is signed in.

    Thread: as the client's.
    """

    def __init__(self, client: ListCalls) -> None:
        self._client = client
        self._by_content: tuple[tuple[ProgressItem, ...], dict[str, ProgressItem]] = ((), {})

    @property
    def items(self) -> tuple[ProgressItem, ...]:
        """All contents of which something is known, the newest play first: the same tuple until something changes."""
        return self._client._engine_now().core.progress

    @property
    def continue_watching(self) -> tuple[ProgressItem, ...]:
        """The contents that were begun and are not watched yet. Cost: O(n)."""
        return tuple(item for item in self.items if item.position_seconds > 0 and not item.watched)

    def get(self, content_id: str | UUID) -> ProgressItem | None:
        """Return how far one content was played; ``None``: it is not known. Cost: O(n) after a change, else O(1).

        Raises:
            ValueError: ``content_id`` is not valid.
        """
        items, by_content = self._by_content
        if items is not self.items:
            items = self.items
            by_content = {item.content_id: item for item in items}
            self._by_content = items, by_content
        return by_content.get(self._client._engine_now().canonical(content_id))

    def update(
        self,
        content_id: str | UUID,
        position_seconds: float,
        duration_seconds: float | None = None,
        *,
        state: str = "playing",
        watched: bool | None = None,
    ) -> None:
        """Say how far a content was played; call it as often as the player reports, each second, say.

        It is shown at once. It is queued, stored and sent at once when the content begins, pauses, stops or seeks, and
        every ten seconds while it plays.

        Args:
            content_id: which one.
            position_seconds: 0 to 10,000,000.
            duration_seconds: likewise; ``None``: what is known stays.
            state: ``playing``, ``paused`` or ``stopped``.
            watched: ``None``: it counts as watched from 90 % on.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: the service would refuse one of them.
        """
        self._client._check("progress.update")
        engine = self._client._engine_now()
        engine.put(
            partial(
                Core.report,
                content_id=engine.canonical(content_id),
                position_seconds=position_seconds,
                duration_seconds=duration_seconds,
                state=state,
                watched=watched,
            )
        )

    def remove(self, content_id: str | UUID) -> Operation:
        """Forget how far a content was played; ``await`` what it returns to know that this is kept on this device.

        Raises:
            NotSignedInError: nobody's list is open.
            ValueError: ``content_id`` is not valid.
        """
        self._client._check("progress.remove")
        engine = self._client._engine_now()
        return engine.enqueue([partial(Core.remove_progress, content_id=engine.canonical(content_id))])[0]

    def flush(self) -> None:
        """Queue and store what ``update`` holds back: the app may be about to end. ``close`` does so by itself."""
        self._client._check("progress.flush")
        self._client._engine_now().put(Core.flush)
