"""The functions that an app passes in: a mistake is reported at once, with what to do instead."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from syncd_client.core.events import Event
from syncd_client.transport.link import GetToken as AskForToken

GetToken = Callable[[], Awaitable[str] | str]
"""The app's callback: a token that is good now. Asked before every attempt, so it should keep a good one at hand.

A plain function runs on the event loop: it must not wait for anything.
"""

Listener = Callable[[Event], None]


def asking(get_token: GetToken) -> AskForToken:
    """Return a coroutine function that asks the app's callback, whether that is a coroutine function or a plain one.

    Raises:
        TypeError: it is not a function. The message does not repeat it: it may be a token.
    """
    if inspect.iscoroutine(get_token):
        get_token.close()  # or Python warns that it was never awaited
        raise TypeError("get_token: must be a function, not what it returns: leave out the () behind its name")
    if not callable(get_token):
        raise TypeError(
            f"get_token: must be a function that returns a token, not of type {type(get_token).__name__}:"
            " it is asked whenever a token is needed"
        )

    async def ask() -> str:
        try:
            answer = get_token()
            return await answer if inspect.isawaitable(answer) else answer
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("what get_token awaits was cancelled") from error  # by the app: our own task was not

    return ask


def check_listener(listener: object) -> None:
    """Check that a listener can be called with events.

    Raises:
        TypeError: it cannot.
    """
    if not callable(listener) or _is_async(listener):
        raise TypeError(
            "listener: must be a plain function that takes an event; in a coroutine use 'async for event in events()'"
        )


def check_condition(condition: object) -> None:
    """Check that a condition can be called again and again.

    Raises:
        TypeError: it cannot.
    """
    if not callable(condition) or _is_async(condition):
        raise TypeError("condition: must be a plain function, such as lambda: client.queued == 0")


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - of an object whose __call__ is a coroutine function
