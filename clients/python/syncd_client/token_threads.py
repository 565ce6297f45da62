"""The app's callback for tokens, on threads of its own: it may wait."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from syncd_client.callbacks import GetToken

GIVEN_UP_S: Final = 20.0
"""After that the client has given a call up."""


class TokenThreads:
    """Asks ``get_token`` on a thread for each call, and leaves few threads behind when calls never return.

    While calls are out, a further one begins only when as much time has passed since the latest as lies between the
    oldest and the latest: a dozen calls in a day, where each retry would leave one behind. A fixed bound would keep a
    client without a token for good after an outage in which as many calls hung; this asks again within the time that
    the outage has lasted. Thread: the client's event loop.

    Args:
        get_token: a plain function of the app.
        now_s: a clock that is never set.
    """

    def __init__(self, get_token: GetToken, now_s: Callable[[], float] = time.monotonic) -> None:
        self._get_token = get_token
        self._now_s = now_s
        self._began_s: dict[asyncio.Future[str | Awaitable[str]], float] = {}
        """When each call began that has not returned."""

    async def ask(self) -> str:
        """Return what a new call returns, or whichever returns first of those that are out.

        Raises: what the call raises, as an ``Exception``.
        """
        calls = [self._call()] if self._may_call() else list(self._began_s)
        returned, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        value = returned.pop().result()
        return await value if inspect.isawaitable(value) else value

    def _may_call(self) -> bool:
        if not self._began_s:
            return True
        oldest_s, latest_s = min(self._began_s.values()), max(self._began_s.values())
        return self._now_s() - latest_s >= max(GIVEN_UP_S, latest_s - oldest_s)

    def _call(self) -> "asyncio.Future[str | Awaitable[str]]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | Awaitable[str]] = loop.create_future()

        def settle(setter: Callable[[Any], None], value: object) -> None:
            with suppress(RuntimeError):  # the client was closed meanwhile, and its loop with it
                loop.call_soon_threadsafe(setter, value)

        def run() -> None:
            try:
                value = self._get_token()
            except BaseException as error:  # noqa: BLE001 - told to the client, whatever it is
                settle(answer.set_exception, _as_exception(error))
            else:
                settle(answer.set_result, value)

        threading.Thread(target=run, name="syncd-client get_token", daemon=True).start()  # or there is no call
        self._began_s[answer] = self._now_s()
        answer.add_done_callback(self._returned)
        return answer

    def _returned(self, answer: "asyncio.Future[str | Awaitable[str]]") -> None:
        del self._began_s[answer]
        answer.exception()  # asyncio would log that of a call that was given up


def on_a_thread(get_token: GetToken) -> GetToken:
    """Return a callback that asks ``get_token`` on another thread, unless it is a coroutine function."""
    return get_token if inspect.iscoroutinefunction(get_token) else TokenThreads(get_token).ask


def _as_exception(error: BaseException) -> Exception:
    """Return an error that a coroutine can raise: not ``StopIteration``, nor one that would end the client's thread."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = RuntimeError(f"get_token raised {type(error).__name__}")
    failure.__cause__ = error
    return failure
