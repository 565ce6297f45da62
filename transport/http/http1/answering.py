"""Which of a connection's requests is being answered: others may wait behind it."""

from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class AnsweringProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which itself knows the latest request only. Thread: the event loop."""

    _answered: Any = None
    """The cycle of the request whose answer was begun last; ``cycle`` may be of one that waits in the ``pipeline``."""

    @override
    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._give_up_answer()
        super().connection_lost(exc)
        self._answered = None

    def _is_answering(self) -> bool:
        return self._answered is not None and not self._answered.response_complete

    def _has_answer_begun(self) -> bool:
        """Return whether a part of the answer under way may have left."""
        return self._is_answering() and self._answered.response_started

    def _give_up_answer(self) -> None:
        """Let what the application still says of the request under way, if one is, go nowhere."""
        if self._is_answering():
            self._answered.disconnected = True
            self._answered.message_event.set()
