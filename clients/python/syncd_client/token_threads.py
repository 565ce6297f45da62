"""The app's callback for tokens, on threads of its own: it may wait."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from syncd_client.callbacks import GetToken


def on_a_thread(get_token: GetToken) -> GetToken:
    """Return a callback that asks ``get_token`` on another thread, unless it is a coroutine function."""
    if inspect.iscoroutinefunction(get_token):
        return get_token

    async def ask() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | Awaitable[str]] = loop.create_future()

        def settle(setter: Callable[[Any], None], value: object) -> None:
            with suppress(RuntimeError):  # the client was closed meanwhile, and its loop with it
                loop.call_soon_threadsafe(lambda: None if answer.done() else setter(value))

        def run() -> None:
            try:
                value = get_token()
            except BaseException as error:  # noqa: BLE001 - told to the client, whatever it is
                settle(answer.set_exception, _as_exception(error))
            else:
                settle(answer.set_result, value)

        threading.Thread(target=run, name="syncd-client get_token", daemon=True).start()
        value: str | Awaitable[str] = await answer
        return await value if inspect.isawaitable(value) else value

    return ask


def _as_exception(error: BaseException) -> Exception:
    """Return what can be raised in a coroutine: no ``StopIteration``, nor what would end the client's thread."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = RuntimeError(f"get_token raised {type(error).__name__}")
    failure.__cause__ = error
    return failure
