"""A writer that is killed before each statement of a transaction, and between its end and the answer.

It has written everything or nothing, and the same operations, sent again, get one answer each.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from actors.errors import StoreUnavailable
from actors.messages.journal import Operation, Status
from actors.messages.journal_reads import SLICE_ROWS, Changes
from actors.messages.store import CommitBatch, FindChanges, FindHeads
from actors.messages.sync import WatchlistUpdate
from tests.processes import wait_until_gone
from tests.storage.author import Author
from tests.storage.store_processes import Store, now, running
from tests.timeouts import TIMEOUT_S

pytestmark = [pytest.mark.integration, pytest.mark.timeout(10 * TIMEOUT_S)]

# In the writer: counts what it asks of the database's driver, and its answer, from when the order is there.
DYING = """
import os, signal, socket, sys

DIRECTORY = {directory!r}
steps = []
dies_at = None

def step(name):
    global dies_at
    try:
        with open(f"{{DIRECTORY}}/order") as order:
            dies_at = int(order.read())
        os.unlink(order.name)
        steps.clear()
    except FileNotFoundError:
        pass
    steps.append(name)
    with open(f"{{DIRECTORY}}/steps", "w") as told:
        told.write("\\n".join(steps))
    if len(steps) == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)

def watch(frame, event, argument):
    if event in ("c_call", "c_return"):
        name = getattr(argument, "__name__", "")
        owner = type(getattr(argument, "__self__", None)).__module__
        is_driver = owner == "sqlite3"
    else:
        name = frame.f_code.co_name
        is_driver = frame.f_code.co_filename.endswith(("psycopg/cursor.py", "psycopg/connection.py"))
    is_before = event in ("call", "c_call")
    if is_driver and is_before and name in ("execute", "executemany", "commit", "rollback"):
        step(name)
    elif name == "sendall" and is_before:
        step("answer")

def begin(connection, *arguments):  # not before it serves: imports are most of what it does
    sys.setprofile(watch)
    return makefile(connection, *arguments)

makefile = socket.socket.makefile
if sys.orig_argv[-3:-2] == ["writer"]:
    socket.socket.makefile = begin
"""


class Orders:
    """What the writer is told to do, and what it has done."""

    def __init__(self, directory: Path) -> None:
        self._order, self._steps = directory / "order", directory / "steps"

    def die_at(self, step: int) -> None:
        """Let the writer die just before it takes this step of what it is asked next; the first is 1."""
        self._order.with_suffix(".new").write_text(str(step))
        self._order.with_suffix(".new").rename(self._order)

    def steps(self) -> list[str]:
        """Return the steps since the latest order."""
        return self._steps.read_text().splitlines()


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Orders:
    (tmp_path / "sitecustomize.py").write_text(DYING.format(directory=str(tmp_path)))
    monkeypatch.syspath_prepend(tmp_path)
    return Orders(tmp_path)


def batch(author: Author, turn: int) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """Return what two users of this turn have done before, and what they do together: every statement has to do."""
    ann, bob = f"ann-{turn}", f"bob-{turn}"

    def of(user: str, change: Callable[..., Operation], name: str, number: int, **more: object) -> Operation:
        return change(name, user=user, operation_id=f"{user}-{number}", timestamp=now(), **more)

    before = (of(ann, author.add, "alien", 1), of(ann, author.add, "brazil", 2, tag="phone:1"))
    together = (
        of(ann, author.remove, "alien", 3),
        of(ann, author.add, "charade", 4, tag="phone:2"),
        of(ann, author.add, "brazil", 5, tag="phone:1"),
        of(bob, author.add, "alien", 1),
        of(bob, author.remove, "dracula", 2),
    )
    return before, together


AFTERWARDS = [Status.REMOVED, Status.ADDED, Status.ADDED, Status.ADDED, Status.NOT_FOUND]


async def revisions(store: Store, turn: int) -> list[int]:
    """Return where the users of this turn stand."""
    found = await store.client.read(FindHeads((f"ann-{turn}", f"bob-{turn}")))
    return [head.revision for head in found.heads]


async def killed(store: Store, orders: Orders, author: Author, step: int) -> bool:
    """Kill the writer at this step; return whether its transaction has been committed."""
    before, together = batch(author, step)
    await store.in_the_end(lambda: store.commit(*before))
    writer = store.client.pids()["writer"]
    orders.die_at(step)
    with pytest.raises(StoreUnavailable, match="the writer has ended"):
        await store.client.write(CommitBatch(together))
    wait_until_gone(writer)
    found = await revisions(store, step)
    assert found in ([2, 0], [4, 1]), f"half of it is written before step {step} of {orders.steps()}"
    await store.in_the_end(lambda: store.commit(*together))
    again = await store.commit(*together)
    assert [outcome.status for outcome in again.outcomes] == AFTERWARDS
    assert not any(outcome.is_new for outcome in again.outcomes)
    assert await revisions(store, step) == [4, 1]
    changes = await store.client.read(FindChanges(f"ann-{step}", 0, SLICE_ROWS, None))
    assert isinstance(changes, Changes)
    updates = [msgspec.json.decode(update, type=WatchlistUpdate) for update in changes.updates]
    assert [update.revision for update in updates] == [1, 2, 3, 4]
    return found == [4, 1]


async def test_whatever_step_it_dies_at_all_of_it_or_nothing_is_written_and_once(
    database_url: str, orders: Orders, author: Author
) -> None:
    async with running(database_url) as store:
        before, together = batch(author, 0)
        await store.commit(*before)
        orders.die_at(1_000_000)
        done = await store.commit(*together)
        assert [outcome.status for outcome in done.outcomes] == AFTERWARDS
        steps = orders.steps()
        assert steps[-1] == "answer"
        committed = [await killed(store, orders, author, step) for step in range(1, len(steps) + 1)]
    assert committed == [False] * (len(steps) - 1) + [True], steps
