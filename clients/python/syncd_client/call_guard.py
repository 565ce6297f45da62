"""Where a client may be called from, and when."""

import asyncio


class CallGuard:
    """Refuses calls from another thread or event loop, and calls of a closed client, before they change anything."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_closed = False

    def check(self, call: str) -> None:
        """Check that ``call`` may go on; the first call decides which event loop the client belongs to.

        Raises:
            RuntimeError: it may not.
        """
        self.check_loop(call)
        if self.is_closed:
            raise RuntimeError(f"{call}: the client is closed; sign_in opens it again")

    def check_loop(self, call: str) -> None:
        """Check only where ``call`` comes from.

        Raises:
            RuntimeError: from another thread or event loop, or from none.
        """
        running = _running_loop(call)
        if self._loop is None:
            self._loop = running
        if running is not self._loop:
            if self._loop.is_closed():
                raise RuntimeError(
                    f"{call}: the event loop has ended on which the client was used first: await close() on this one,"
                    " and sign_in"
                )
            raise RuntimeError(
                f"{call}: the client belongs to another event loop, the one on which it was used first: call it there,"
                " by loop.call_soon_threadsafe, or make a client for each loop"
            )

    def check_close(self) -> None:
        """Do what ``check_loop`` does, for ``close``: any event loop may call that once the client's own has ended.

        Raises:
            RuntimeError: it may not.
        """
        if self._loop is not None and self._loop.is_closed():
            self._loop = _running_loop("close")
        self.check_loop("close")


def _running_loop(call: str) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            f"{call}: no event loop runs in this thread. Call it in a coroutine, from another thread by"
            " loop.call_soon_threadsafe; or use syncd_client.sync.Client, which every thread may call"
        ) from None
