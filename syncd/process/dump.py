"""``SIGUSR1``: what the daemon is doing, as text on standard error, while it goes on serving.

In two parts. Every thread's stack comes from C, so it comes at once and also when the event loop hangs. The rest needs
the loop and comes as soon as that is free: actors, mailboxes, what waits where, figures. It has names of the code,
counts and times; never what a message holds, who a user is or what a token says.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from heapq import nlargest
from itertools import islice
from operator import attrgetter, itemgetter
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final

import msgspec

from actors.runtime.introspection import ActorState, actor_states, messages_waiting

MAX_MAILBOXES: Final = 20
MAX_PLACES: Final = 20
"""Where actors wait, and again where tasks do."""
MAX_CALLS: Final = 20
"""Of one stack, the innermost."""
MAX_THREADS: Final = 100
"""As the part from C has it."""
MAX_MESSAGES: Final = 10_000
"""Of one mailbox whose types are looked at, the oldest."""
MAX_TASKS: Final = 10_000
"""Besides those of actors, whose stacks are looked at."""

Place = tuple[str, ...]
"""Where something waits: its calls, outermost first."""


class Dump:
    """The report. ``figures``: what else it shows, anything that JSON can say; ``None``: nothing yet."""

    def __init__(self) -> None:
        self.figures: Callable[[], object] | None = None

    def listen(self) -> None:
        """Report at each ``SIGUSR1`` from now on; and show the threads' stacks if a fatal signal ends the process.

        Thread: the main one, on its running event loop.
        """
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.write)
        faulthandler.register(signal.SIGUSR1, chain=True)  # after the loop's handler, so that it hands on to that
        faulthandler.enable()  # also SIGABRT, by which systemd's watchdog ends a daemon that hangs

    def write(self) -> None:
        """Write the loop's part to standard error. Thread: the event loop."""
        sys.stderr.write(self.text())
        sys.stderr.flush()

    def text(self) -> str:
        """Return the loop's part: a thousand lines at most.

        Thread: the event loop, which it holds. Cost: a microsecond for each actor, 4 to 10 for each task.
        """
        began_s = time.perf_counter()
        actors = actor_states()
        lines = [*_threads(), *_classes(actors), *_mailboxes(actors), *_handlers(actors), *_tasks(actors)]
        if self.figures is not None:
            lines.append(msgspec.json.format(msgspec.json.encode(self.figures()), indent=2).decode())
        title = f"syncd, process {os.getpid()}, {datetime.now(UTC).isoformat(timespec='milliseconds')}"
        taken_ms = (time.perf_counter() - began_s) * 1000
        return "\n".join([f"==== {title} ====", *lines, f"==== end; it took {taken_ms:.0f} ms ====", ""])


def _threads() -> Iterator[str]:
    threads = threading.enumerate()
    yield f"threads: {len(threads)}, whose stacks are above"
    for thread in threads[:MAX_THREADS]:
        yield f"  0x{thread.ident or 0:016x} {thread.name}"  # the number as it is there


def _classes(actors: Collection[ActorState]) -> Iterator[str]:
    yield f"actors: {len(actors):,}"
    for name, count in Counter(_class(actor) for actor in actors).most_common():
        yield f"{count:8,} {name}"


def _mailboxes(actors: Collection[ActorState]) -> Iterator[str]:
    filled = [actor for actor in actors if actor.waiting]
    yield f"messages that wait: {sum(actor.waiting for actor in filled):,}, in {len(filled):,} mailboxes"
    for actor in nlargest(MAX_MAILBOXES, filled, key=attrgetter("waiting")):
        types = Counter(type(message).__name__ for message in islice(messages_waiting(actor.ref), MAX_MESSAGES))
        by_type = ", ".join(f"{count:,} {name}" for name, count in types.most_common())
        yield f"{actor.waiting:8,} {actor.ref}: {by_type}"


def _handlers(actors: Collection[ActorState]) -> Iterator[str]:
    """Show where the handlers of actors wait, and for how long the oldest at each place has been at its message."""
    now_s = asyncio.get_running_loop().time()
    ages_s: defaultdict[Place, list[float]] = defaultdict(list)
    for actor in actors:
        if actor.handler is not None:
            ages_s[_class(actor), *_place(actor.handler)].append(now_s - actor.handler_began_s)
    yield f"actors in the middle of a message: {sum(map(len, ages_s.values())):,}"
    yield from _fullest(
        [(len(of_place), f"{name}, for {max(of_place):.1f} s", calls) for (name, *calls), of_place in ages_s.items()]
    )


def _tasks(actors: Collection[ActorState]) -> Iterator[str]:
    others = asyncio.all_tasks().difference([actor.handler for actor in actors if actor.handler is not None])
    yield f"other tasks: {len(others):,}"
    places = Counter(map(_place, islice(others, MAX_TASKS)))
    yield from _fullest([(count, first, calls) for (first, *calls), count in places.items()])


def _fullest(groups: Collection[tuple[int, str, Sequence[str]]]) -> Iterator[str]:
    for count, first, calls in nlargest(MAX_PLACES, groups, key=itemgetter(0)):
        yield f"{count:8,} {first}"
        for call in calls:
            yield f"{'':12}{call}"
    if len(groups) > MAX_PLACES:
        yield f"{'':8} and fewer at each of {len(groups) - MAX_PLACES:,} other places"


def _class(actor: ActorState) -> str:
    return actor.ref.actor_class.__name__


def _place(task: asyncio.Task[Any]) -> Place:
    calls: list[str] = []
    waiting: Any = task.get_coro()
    while True:
        match waiting:
            case CoroutineType(cr_frame=frame, cr_await=inner):
                pass
            case GeneratorType(gi_frame=frame, gi_yieldfrom=inner):
                pass
            case AsyncGeneratorType(ag_frame=frame, ag_await=inner):
                pass
            case _:
                break
        if frame is None:  # it has just ended
            break
        calls.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}:{frame.f_lineno}")
        waiting = inner
    return tuple(calls[-MAX_CALLS:]) or (type(waiting).__qualname__,)
