"""The revocations' actor: one thread between the node and the table that all nodes share."""

from types import TracebackType
from typing import assert_never

from actors.errors import StoreUnavailable
from actors.messages.revocations import ReadRevocations, RevocationsUnavailable, Revoke
from actors.ports import RevocationStore
from actors.runtime import BlockingActor


class RevocationLog(BlockingActor):
    """Messages in: ``Revoke``, ``ReadRevocations``, both asked.

    An unavailable database is an answer, not an exception: Pykka logs each of those with its stack.

    Args:
        store: used on the actor's thread only, and closed by the actor.
    """

    def __init__(self, store: RevocationStore) -> None:
        super().__init__()
        self._store = store

    def on_receive(self, message: Revoke | ReadRevocations) -> object:
        """Do what the message says."""
        try:
            return self._answer(message)
        except StoreUnavailable as error:
            return RevocationsUnavailable(str(error))

    def _answer(self, message: Revoke | ReadRevocations) -> object:
        match message:
            case Revoke(token_id=token_id, expires_at=expires_at):
                self._store.revoke(token_id, expires_at)
                return None
            case ReadRevocations(after=after):
                return self._store.revoked(after)
            case _:
                assert_never(message)

    def on_stop(self) -> None:
        """Release the store."""
        self._store.close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the store."""
        self._store.close()
