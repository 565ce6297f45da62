"""The client for threads: the same names, on a thread of its own, from the first call to the interpreter's exit."""

import inspect
import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import syncd_client
from syncd_client import Confirmed, Event, SqliteStore, State, Updated, sync
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.timeouts import TIMEOUT_S

A, B, C = (f"0b0e6a4e-52a5-4a5b-9a1f-00000000000{digit}" for digit in "abc")
CLIENTS = Path(syncd_client.__file__).parents[1]


def get_token() -> str:
    return "a-token"


class Service:
    """Says yes to every write, and keeps the codes with which devices close."""

    def __init__(self) -> None:
        self.url = ""
        self.close_codes: SimpleQueue[int | None] = SimpleQueue()
        self.tokens: list[str] = []

    def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.tokens.append(connection.request.headers["Authorization"])
        connection.send(json.dumps({"type": "resumed", "recovered": True, "revision": 0, "epoch": "e1"}))
        with suppress(ConnectionClosed):
            for revision, text in enumerate(connection, 1):
                write = json.loads(text)
                answer = {"type": "ack", "id": write["id"], "status": "added", "timestamp": write["timestamp"]}
                update = {"type": "watchlist_update", "action": write["operation"], "content_id": write["content_id"]}
                connection.send(json.dumps(answer | {"revision": revision}))
                connection.send(json.dumps(update | {"revision": revision, "timestamp": write["timestamp"]}))
        self.close_codes.put(connection.close_code)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with serve(service.talk, "127.0.0.1", 0, ping_interval=None) as server:  # without a thread more for each connection
        service.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield service
        server.shutdown()
        serving.join()


@pytest.fixture
def client(service: Service) -> Iterator[sync.Client]:
    with sync.Client(service.url) as client:
        client.sign_in("alice", get_token)
        yield client


def live(client: sync.Client) -> None:
    client.wait_until(lambda: client.state is State.LIVE, TIMEOUT_S)


def public(of: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(of) if not name.startswith("_")}


def test_it_has_the_names_of_the_client_for_asyncio_and_takes_the_same() -> None:
    ours, theirs = public(sync.Client), public(syncd_client.Client)
    assert ours.keys() == theirs.keys()
    for name, member in theirs.items():
        if inspect.isfunction(member):
            parameters = [each for each in inspect.signature(ours[name]).parameters if each != "timeout_s"]
            assert parameters == list(inspect.signature(member).parameters), name


def test_a_list_is_changed_and_seen_without_asyncio(client: sync.Client) -> None:
    events = client.events()
    live(client)
    operation = client.add(A)
    assert operation.wait(TIMEOUT_S) == "memory"
    assert operation.wait() == "memory"
    assert repr(operation) == f"Operation(id={operation.id!r}, operation='add', content_id={A!r})"
    client.wait_until(lambda: client.queued == 0, TIMEOUT_S)
    assert [item.content_id for item in client.items] == [A]
    assert client.items is client.items
    assert client.has(A)
    assert not client.has(B)
    assert (client.user_id, client.storage) == ("alice", "memory")
    confirmed = next(event for event in events if isinstance(event, Confirmed))
    assert (confirmed.operation_id, confirmed.content_id) == (operation.id, operation.content_id)
    assert [each.operation for each in (*client.add_many([B, C]), client.remove(A), *client.remove_many([B]))] == [
        *("add", "add", "remove", "remove")
    ]
    client.wait_until(lambda: client.queued == 0, TIMEOUT_S)
    assert {item.content_id for item in client.items} == {C}


def test_many_threads_may_call_at_once(client: sync.Client) -> None:
    def add(thread: int) -> None:
        for number in range(20):
            client.add(f"00000000-0000-4000-8000-{thread:06}{number:06}").wait(TIMEOUT_S)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert len(client.items) == 80


def test_a_listener_may_call_the_client_and_not_wait_for_it(client: sync.Client) -> None:
    said: list[object] = []
    is_done = threading.Event()

    def answer(event: Event) -> None:
        if isinstance(event, Updated) and client.has(A) and not client.has(B):
            said.append(client.add(B).id)
            for wait in (client.close, lambda: client.wait_until(lambda: True), client.add(C).wait):
                try:
                    wait()
                except RuntimeError as error:
                    said.append(str(error).partition(":")[2])
            is_done.set()

    unsubscribe = client.subscribe(answer)
    client.add(A)
    assert is_done.wait(TIMEOUT_S)
    unsubscribe()
    unsubscribe()
    why = " a listener cannot wait for the thread that it runs on: call it on another one"
    assert said[1:] == [why] * 3
    assert client.has(B)


def test_a_callback_may_take_its_time_and_holds_nobody_up(service: Service) -> None:
    may_answer = threading.Event()

    def get_slowly() -> str:
        assert may_answer.wait(TIMEOUT_S)
        return "a-slow-token"

    with sync.Client(service.url) as client:
        client.sign_in("bob", get_slowly)
        client.add(A)
        assert client.state is State.TOKEN
        may_answer.set()
        live(client)
    assert service.tokens[-1] == "Bearer a-slow-token"


def test_a_callback_may_be_a_coroutine_function_or_fail(service: Service) -> None:
    async def get_later() -> str:
        return "an-awaited-token"

    def fail() -> str:
        raise OSError("no network")

    with sync.Client(service.url) as client:
        events = client.events()
        client.sign_in("bob", fail)
        client.wait_until(lambda: client.state is State.WAITING, TIMEOUT_S)
        reasons = [getattr(event, "reason", None) for event in iter(lambda: events.get(0), None)]
        assert any("OSError" in str(reason) for reason in reasons)
        client.sign_out(erase=True)
        client.sign_in("bob", get_later)
        live(client)
        client.disconnect()
        client.sign_in("bob", lambda: get_later())
        live(client)
    assert service.tokens[-2:] == ["Bearer an-awaited-token"] * 2


def test_events_wait_for_as_long_as_is_wanted_and_end_with_the_client(service: Service) -> None:
    client = sync.Client(service.url)
    events = client.events()
    assert events.get(timeout_s=0.01) is None
    taken: list[Event] = []
    taking = threading.Thread(target=lambda: taken.extend(events))
    taking.start()
    client.sign_in("alice", get_token)
    live(client)
    assert not events.is_closed
    client.close()
    taking.join(TIMEOUT_S)
    assert events.is_closed
    assert type(taken[-1]).__name__ == "Disconnected"
    assert not any(isinstance(one, Updated) and isinstance(two, Updated) for one, two in pairwise(taken))


def test_waiting_ends_in_time_and_with_the_client(client: sync.Client) -> None:
    with pytest.raises(TimeoutError):
        client.wait_until(lambda: False, timeout_s=0.01)
    ended: list[str] = []

    def wait() -> None:
        try:
            client.wait_until(lambda: False)
        except RuntimeError as error:
            ended.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    live(client)
    client.close()
    waiting.join(TIMEOUT_S)
    assert len(ended) == 1
    assert "closed" in ended[0]


def test_a_closed_client_shows_what_it_had_and_is_opened_again(service: Service, tmp_path: Path) -> None:
    client = sync.Client(service.url, SqliteStore(tmp_path / "client.db"))
    seen: list[Event] = []
    client.subscribe(seen.append)
    client.sign_in("alice", get_token)
    live(client)
    operation = client.add(A)
    client.close()
    client.close()
    assert operation.wait() == "persistent"
    assert service.close_codes.get(timeout=TIMEOUT_S) == 1000
    assert client.has(A)
    for call in (client.connect, client.events, lambda: client.add(B), lambda: client.wait_until(lambda: True)):
        with pytest.raises(RuntimeError, match="the client is closed; sign_in opens it again"):
            call()
    seen.clear()
    client.sign_in("alice", get_token)
    live(client)
    assert client.has(A)
    assert seen
    client.close()


def test_mistakes_are_named_as_by_the_client_for_asyncio(client: sync.Client) -> None:
    with pytest.raises(ValueError, match=r"^url: "):
        sync.Client("localhost:8083")
    with pytest.raises(ValueError, match=r"^content_id: "):
        client.add("movie-1")
    with pytest.raises(ValueError, match=r"^user_id: "):
        client.sign_in("", get_token)
    with pytest.raises(TypeError, match=r"^get_token: "):
        client.sign_in("bob", "a-token")  # type: ignore[arg-type]
    assert client.user_id == "alice"


SCRIPT = """
import sys
sys.path.insert(0, {clients!r})
from syncd_client import SqliteStore, State
from syncd_client.sync import Client

client = Client({url!r}, SqliteStore({path!r}))
client.sign_in("alice", lambda: "a-token")
client.wait_until(lambda: client.state is State.LIVE, 60)
client.add({content!r})
{end}
"""


@pytest.mark.integration
@pytest.mark.parametrize("end", ["", "raise SystemExit(0)"])
def test_a_script_that_just_ends_closes_politely_and_loses_nothing(service: Service, tmp_path: Path, end: str) -> None:
    path = tmp_path / "client.db"
    script = SCRIPT.format(clients=str(CLIENTS), url=service.url, path=str(path), content=A, end=end)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert service.close_codes.get(timeout=TIMEOUT_S) == 1000
    store = SqliteStore(path)
    state = store.load("alice")
    store.close()
    assert state is not None
    assert [*(item.content_id for item in state.items), *(write.content_id for write in state.queue)] == [A]


def test_whoever_calls_while_the_client_is_closed_gets_an_answer_or_an_error(service: Service) -> None:
    outcomes: list[object] = []

    def call(client: sync.Client) -> None:
        try:
            while True:
                outcomes.append(client.add(A).wait(TIMEOUT_S))
        except RuntimeError as error:
            outcomes.append(str(error))

    for _ in range(20):
        client = sync.Client(service.url)
        client.sign_in("alice", get_token)
        threads = [threading.Thread(target=call, args=(client,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        client.close()
        for thread in threads:
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()
    assert all(outcome == "memory" or "closed" in str(outcome) for outcome in outcomes)
