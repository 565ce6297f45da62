"""``SIGUSR1``: writes what the daemon is doing to standard error, while it goes on serving.

The report has two parts. The stacks of all threads are written by C code, at once, also when the event loop hangs. The
rest needs the loop and follows as soon as it is free: actors, mailboxes, what waits where, figures. It holds names from
the code, counts and times; never the content of a message, a user or a token.
"""

import asyncio
import faulthandler
import os
import signal
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
from syncd import console

MAX_MAILBOXES: Final = 20
MAX_PLACES: Final = 20
"""How many places of actors are shown, and as many of tasks."""
MAX_CALLS: Final = 20
"""How many calls of one stack are shown, the innermost ones."""
MAX_THREADS: Final = 100
"""The same limit as in the part from C."""
MAX_MESSAGES: Final = 10_000
"""The oldest of one mailbox, whose types are counted."""
MAX_TASKS: Final = 10_000
"""Other than those of actors, whose stacks are read."""

Place = tuple[str, ...]
"""Where something waits: its calls, outermost first."""


class Dump:
    """The report."""

    def __init__(self) -> None:
        self._figures: Callable[[], object] | None = None

    def show(self, figures: Callable[[], object]) -> None:
        """Show ``figures()`` too from now on: anything that JSON can say."""
        self._figures = figures

    def listen(self) -> None:
        """Report at each ``SIGUSR1`` from now on, and write the threads' stacks if a fatal signal ends the process.

        Thread: the main one, on its running event loop.
        """
        loop = asyncio.get_running_loop()

        def report(_signal: int, _frame: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.write)

        signal.signal(signal.SIGUSR1, report)  # not the loop's: when that ends, the signal would end the process
        faulthandler.register(signal.SIGUSR1, chain=True)  # after the loop's handler, so that it is chained to it
        faulthandler.enable()  # also SIGABRT, with which systemd's watchdog ends a hanging daemon

    def write(self) -> None:
        """Write the loop's part to standard error, if anybody can read it. Thread: the event loop."""
        console.complain(self.text().rstrip("\n"))

    def text(self) -> str:
        """Return the loop's part: a thousand lines at most.

        Thread: the event loop, which it blocks. Cost: a microsecond for each actor, 4 to 10 for each task.
        """
        began_s = time.perf_counter()
        actors = actor_states()
        lines = [*_threads(), *_classes(actors), *_mailboxes(actors), *_handlers(actors), *_tasks(actors)]
        if self._figures is not None:
            lines.append(msgspec.json.format(msgspec.json.encode(self._figures()), indent=2).decode())
        title = f"syncd, process {os.getpid()}, {datetime.now(UTC).isoformat(timespec='milliseconds')}"
        taken_ms = (time.perf_counter() - began_s) * 1000
        return "\n".join([f"==== {title} ====", *lines, f"==== end; it took {taken_ms:.0f} ms ====", ""])


def _threads() -> Iterator[str]:
    threads = threading.enumerate()
    yield f"threads: {len(threads)}, whose stacks are above"
    for thread in threads[:MAX_THREADS]:
        yield f"  0x{thread.ident or 0:016x} {thread.name}"  # the same number as in the stacks above


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
    """Show where handlers of actors wait, and for how long the oldest at each place has been handling its message."""
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
