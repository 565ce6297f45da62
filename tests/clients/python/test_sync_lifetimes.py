"""The client for threads at the edges of its life: closed meanwhile, forked, and when the main thread has ended."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest
import syncd_client
from syncd_client import Disconnected, Event, SqliteStore, State, StateChanged, sync
from websockets.sync.server import ServerConnection, serve

from tests.timeouts import TIMEOUT_S

A, B = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "ab")
CLIENTS = Path(syncd_client.__file__).parents[1]
NOBODY = "http://127.0.0.1:1"

needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script), str(CLIENTS), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def test_a_listener_that_signs_in_or_closes_while_the_client_is_closed_is_told_and_holds_nobody_up() -> None:
    client = sync.Client(NOBODY)
    client.sign_in("alice", lambda: "a-token")
    said: list[str] = []

    def answer(event: Event) -> None:
        if event == StateChanged(state=State.STOPPED):
            calls: list[Callable[[], None]] = [lambda: client.sign_in("bob", lambda: "b-token"), client.close]
            for call in calls:
                with pytest.raises(RuntimeError) as caught:
                    call()
                said.append(str(caught.value))

    client.subscribe(answer)
    closing = threading.Thread(target=client.close, daemon=True)
    closing.start()
    closing.join(TIMEOUT_S)
    assert not closing.is_alive()
    assert said == [
        "sign_in: the client is being closed: await close() before",
        "close: a listener cannot wait for the thread that it runs on: call it on another one",
    ]


def test_a_handler_of_signals_may_call_the_client_in_the_midst_of_a_call() -> None:
    client = sync.Client(NOBODY)
    queued: list[int] = []

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == "call_soon_threadsafe":
            sys.setprofile(None)
            queued.append(client.queued)

    def call() -> None:
        sys.setprofile(interrupt)  # runs on this thread, as a handler of signals would: between two steps of a call
        queued.append(client.queued)

    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    calling.join(TIMEOUT_S)
    assert queued == [0, 0]
    client.close()


def test_a_handler_of_signals_may_close_the_client_in_the_midst_of_a_call() -> None:
    client = sync.Client(NOBODY)
    client.sign_in("alice", lambda: "a-token")
    said: list[str] = []

    def interrupt(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == "call_soon_threadsafe":
            sys.setprofile(None)
            client.close()

    def call() -> None:
        sys.setprofile(interrupt)
        try:
            client.add(A)
        except RuntimeError as error:
            said.append(str(error))

    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    calling.join(TIMEOUT_S)
    assert said == ["the client was closed meanwhile"]


def test_who_does_not_wait_for_the_end_opens_the_client_again_all_the_same(tmp_path: Path) -> None:
    client = sync.Client(NOBODY, SqliteStore(tmp_path / "client.db"))
    for number in range(20):
        client.sign_in("alice", lambda: "a-token")
        assert client.storage == "persistent"
        assert client.queued == number
        client.add(A)
        for _ in range(2):
            with suppress(TimeoutError):  # of the one who calls: the client's thread goes on to close it
                client.close(0)
    client.close(TIMEOUT_S)


def test_a_handler_of_signals_may_have_events_told_in_the_midst_of_taking_one() -> None:
    client = sync.Client(NOBODY)
    client.sign_in("alice", lambda: "a-token")
    events = client.events()
    taken: list[Event | None] = []

    def interrupt(*_: object) -> None:
        sys.setprofile(None)
        client.disconnect()
        client.connect()
        sys.setprofile(interrupt)

    def take() -> None:
        sys.setprofile(interrupt)  # as a handler of signals would: at each step of the call
        taken.append(events.get(timeout_s=0))
        taken.append(events.get())
        sys.setprofile(None)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    taking.join(TIMEOUT_S)
    assert len(taken) == 2
    assert taken[1] is not None
    client.close()


def test_each_event_is_taken_once_by_however_many_threads() -> None:
    queue = sync.EventQueue()
    taken: list[Event] = []
    threads = [threading.Thread(target=lambda: taken.extend(queue)) for _ in range(4)]
    for thread in threads:
        thread.start()
    told: list[Event] = [Disconnected(code=number, retry_in_ms=None, reason="") for number in range(5_000)]
    for event in told:
        queue.put(event)
    queue.close()
    for thread in threads:
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
    assert len(taken) == len(told)
    assert {event.code for event in taken if isinstance(event, Disconnected)} == set(range(5_000))
    queue.put(told[0])
    assert queue.is_closed


SIGNALS = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from syncd_client.sync import Client

def look(*_):
    client.queued
    signal.setitimer(signal.ITIMER_REAL, 0.0003)

with Client("http://127.0.0.1:1") as client:
    signal.signal(signal.SIGALRM, look)
    look()
    for _ in range(5000):
        client.queued
    signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.integration
def test_handlers_of_signals_and_what_they_interrupt_get_their_answers() -> None:
    done = run(SIGNALS)
    assert (done.stdout, done.stderr) == ("done\n", "")


def exits_as_a_condition() -> bool:
    raise SystemExit(3)


def test_what_ends_the_clients_thread_closes_the_client_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    """A host may end threads so, too: Kodi does, of an add-on that does not stop."""
    client = sync.Client(NOBODY, SqliteStore(tmp_path / "client.db"))
    events = client.events()
    waiting = threading.Thread(target=lambda: list(events), daemon=True)
    waiting.start()
    client.sign_in("alice", lambda: "a-token")
    assert client.add(A).wait(TIMEOUT_S) == "persistent"
    with pytest.raises(SystemExit):
        client.wait_until(exits_as_a_condition, TIMEOUT_S)
    waiting.join(TIMEOUT_S)
    assert not waiting.is_alive()
    with pytest.raises(RuntimeError, match=r"^add: the client is closed; sign_in opens it again$"):
        client.add(B)
    assert [item.content_id for item in client.items] == [A]

    listens = threading.Event()

    async def exits_on_the_clients_thread() -> str:
        while not listens.is_set():
            await asyncio.sleep(0)
        raise SystemExit(3)

    client.sign_in("alice", exits_on_the_clients_thread)
    events = client.events()
    listens.set()
    assert list(events)[-1] == Disconnected(code=None, retry_in_ms=None, reason="the app disconnected")
    client.close()
    client.sign_in("alice", lambda: "a-token")
    assert client.add(B).wait(TIMEOUT_S) == "persistent"
    assert len(client.items) == 2
    client.close()


def test_a_listener_ends_neither_the_thread_nor_what_is_under_way(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []

    def exit_(_: Event) -> None:
        raise SystemExit(3)

    with sync.Client(NOBODY) as client:
        client.subscribe(exit_)
        client.subscribe(told.append)
        client.sign_in("alice", lambda: "a-token")
        client.wait_until(lambda: any(isinstance(event, Disconnected) for event in told), TIMEOUT_S)
    assert "a listener wants to exit" in caplog.text


FORKED = """
import asyncio, os, signal, sys
sys.path.insert(0, sys.argv[1])
from syncd_client import Client, SqliteStore

async def main():
    store = SqliteStore(sys.argv[2])
    client = Client("http://127.0.0.1:1", store)
    client.sign_in("alice", lambda: "a-token")
    await client.add("0b0e6a4e-52a5-4a5b-9a1f-00000000000a")
    child = os.fork()
    if child == 0:
        {child}
        sys.exit(0)
    os.waitpid(child, 0)
    print(await client.add("0b0e6a4e-52a5-4a5b-9a1f-00000000000b"), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)  # what is persistent outlives this

asyncio.run(main())
"""


@needs_fork
@pytest.mark.integration
@pytest.mark.parametrize("child", ["pass", "store.close()"])
def test_a_process_that_was_forked_and_ends_takes_nothing_from_the_file_of_its_parent(
    tmp_path: Path, child: str
) -> None:
    path = tmp_path / "client.db"
    done = run(FORKED.format(child=child), str(path))
    assert (done.stdout, done.stderr) == ("persistent\n", "")
    store = SqliteStore(path)
    state = store.load("alice")
    store.close()
    assert state is not None
    assert [write.content_id for write in state.queue] == [A, B]


CALLED_IN_FORK = """
import os, sys
sys.path.insert(0, sys.argv[1])
from syncd_client.sync import Client

client = Client("http://127.0.0.1:1")
client.sign_in("alice", lambda: "a-token")
child = os.fork()
if child == 0:
    calls = [lambda: client.items, lambda: client.add("0b0e6a4e-52a5-4a5b-9a1f-00000000000a"), client.wake]
    for call in [*calls, lambda: client.sign_in("bob", lambda: "b-token"), lambda: client.wait_until(lambda: True)]:
        try:
            call()
        except RuntimeError as error:
            print(error, flush=True)
    client.close()
    with Client("http://127.0.0.1:1") as other:
        other.sign_in("alice", lambda: "a-token")
        print(other.add("0b0e6a4e-52a5-4a5b-9a1f-00000000000a").wait(), flush=True)
    sys.exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), client.user_id, flush=True)
client.close()
"""


@needs_fork
@pytest.mark.integration
def test_in_a_process_that_was_forked_calls_are_refused_and_a_client_of_its_own_works() -> None:
    done = run(CALLED_IN_FORK)
    refusal = "the client runs in the process that this one was forked from: make another one here"
    assert (done.stdout.splitlines(), done.stderr) == ([*[refusal] * 5, "memory", "0 alice"], "")


@pytest.fixture
def port() -> Iterator[int]:
    def talk(connection: ServerConnection) -> None:
        connection.send('{"type": "resumed", "recovered": true, "revision": 0, "epoch": "e1"}')
        for _ in connection:
            pass

    with serve(talk, "localhost", 0, ping_interval=None) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        serving.join(TIMEOUT_S)


WITHOUT_MAIN_THREAD = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from syncd_client import State
from syncd_client.sync import Client


def work():
    main.join()
    with Client(sys.argv[2]) as client:
        client.sign_in("alice", lambda: "a-token")
        client.wait_until(lambda: client.state is State.LIVE, 15)
        print(client.state.value, flush=True)


main = threading.main_thread()
threading.Thread(target=work).start()
"""


@pytest.mark.skipif((3, 12) <= sys.version_info < (3, 12, 3), reason="this Python begins no thread then")
@pytest.mark.integration
def test_a_host_with_a_name_is_found_after_the_main_thread_has_ended(port: int) -> None:
    done = run(WITHOUT_MAIN_THREAD, f"http://localhost:{port}")
    assert (done.stdout, done.stderr) == ("live\n", "")
