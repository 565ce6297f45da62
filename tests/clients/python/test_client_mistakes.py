"""What an app does wrong with a client: named at once, by what to do, before anything changes."""

import asyncio
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from syncd_client import (
    Client,
    Disconnected,
    MemoryStore,
    NotSignedInError,
    RequestFailedError,
    SqliteStore,
    State,
)

from tests.timeouts import TIMEOUT_S

NOWHERE = "ws://127.0.0.1:9"
A = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
SECRET = "eyJhbGciOi.secret.token"


async def get_token() -> str:
    return "a-token"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with Client(NOWHERE, SqliteStore(tmp_path / "client.db")) as client:
        client.sign_in("alice", get_token)
        client.disconnect()
        yield client


CALLS: dict[str, Callable[[Client], Any]] = {
    "add": lambda client: client.add(A),
    "remove": lambda client: client.remove(A),
    "add_many": lambda client: client.add_many([A]),
    "remove_many": lambda client: client.remove_many([A]),
    "connect": lambda client: client.connect(),
    "disconnect": lambda client: client.disconnect(),
    "sign_out": lambda client: client.sign_out(erase=True),
    "subscribe": lambda client: client.subscribe(print),
    "events": lambda client: client.events(),
}


@pytest.mark.parametrize("call", [*CALLS, "sign_in"])
async def test_a_call_from_another_thread_is_refused_before_anything_changes(client: Client, call: str) -> None:
    function = CALLS.get(call, lambda client: client.sign_in("bob", get_token))
    await client.add(A)
    before = client.items
    with pytest.raises(RuntimeError, match=rf"^{call}: no event loop runs in this thread.*call_soon_threadsafe.*sync"):
        await asyncio.to_thread(function, client)
    assert (client.user_id, client.queued, client.items) == ("alice", 1, before)
    assert client.storage == "persistent"


async def test_a_call_from_another_event_loop_is_refused(client: Client) -> None:
    refused: list[str] = []

    async def call() -> None:
        for name, function in CALLS.items():
            with pytest.raises(RuntimeError, match=rf"^{name}: the client belongs to another event loop"):
                function(client)
        for waiting in (client.close(), client.wait_until(lambda: True)):
            with pytest.raises(RuntimeError, match="the client belongs to another event loop"):
                await waiting
        refused.append("all")

    thread = threading.Thread(target=lambda: asyncio.run(call()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert refused == ["all"]
    assert client.add(A).id


def test_without_a_running_event_loop_a_client_can_be_made_and_not_used() -> None:
    client = Client(NOWHERE)
    with pytest.raises(RuntimeError, match="no event loop runs in this thread"):
        client.sign_in("alice", get_token)
    assert client.state is State.SIGNED_OUT

    async def use() -> None:
        async with client:
            client.sign_in("alice", get_token)
            assert await client.add(A) == "memory"

    asyncio.run(use())


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_of_a_closed_client_says_what_opens_it(client: Client, call: str) -> None:
    await client.close()
    with pytest.raises(RuntimeError, match=rf"^{call}: the client is closed; sign_in opens it again$"):
        CALLS[call](client)
    with pytest.raises(RuntimeError, match=r"^wait_until: the client is closed"):
        await client.wait_until(lambda: True)
    await client.close()


async def test_a_client_cannot_be_opened_while_it_closes(client: Client) -> None:
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match=r"await close\(\)"):
        client.sign_in("alice", get_token)
    await closing
    client.sign_in("alice", get_token)
    assert await client.add(A) == "persistent"


async def test_who_waits_for_what_will_not_come_is_told_when_the_client_is_closed(client: Client) -> None:
    waiting = asyncio.create_task(client.wait_until(lambda: False))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        async with asyncio.timeout(TIMEOUT_S):
            await waiting


@pytest.mark.parametrize("get", [None, SECRET, SECRET.encode(), {"token": SECRET}, 7])
async def test_what_is_no_callback_is_refused_without_repeating_it(client: Client, get: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^get_token: must be a function that returns a token, not of type "
    ) as refused:
        client.sign_in("bob", get)
    assert "secret" not in str(refused.value)
    assert client.user_id == "alice"


async def test_a_callback_that_was_called_already_is_refused_and_never_runs(client: Client) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match=r"^get_token: .*leave out the \(\)"):
            client.sign_in("bob", get_token())  # type: ignore[arg-type]


async def test_a_plain_function_is_asked_like_a_coroutine_function(client: Client) -> None:
    asked = asyncio.Event()

    def get_at_once() -> str:
        asked.set()
        return "a-token"

    client.sign_in("bob", get_at_once)
    async with asyncio.timeout(TIMEOUT_S):
        await asked.wait()
        await client.wait_until(lambda: client.state in (State.OPENING, State.WAITING))


class Asynchronous:
    async def __call__(self, *_: object) -> None:
        """Return at once."""


async def test_a_callback_whose_own_task_was_cancelled_is_told_at_once(client: Client) -> None:
    login = asyncio.get_running_loop().create_future()
    login.cancel()

    async def wait_for_login() -> str:
        return str(await login)

    events = client.events()
    client.sign_in("alice", wait_for_login)
    async for event in events:
        if isinstance(event, Disconnected):
            assert event.reason == "no token: RuntimeError"
            break
    with pytest.raises(RequestFailedError, match=r"^no token: RuntimeError$"):
        await client.lists()


@pytest.mark.parametrize("function", [None, True, get_token, Asynchronous()])
async def test_what_is_no_plain_function_is_refused_with_what_to_use(client: Client, function: Any) -> None:
    with pytest.raises(TypeError, match=r"^listener: must be a plain function.*events\(\)"):
        client.subscribe(function)
    with pytest.raises(TypeError, match=r"^condition: must be a plain function, such as"):
        await client.wait_until(function)


async def test_who_unsubscribes_twice_ends_no_other_subscription(client: Client) -> None:
    seen: list[object] = []
    once, _twice = client.subscribe(seen.append), client.subscribe(seen.append)
    once()
    once()
    client.connect()
    assert len(seen) == 1


@pytest.mark.parametrize("store", ["client.db", Path("client.db"), MemoryStore, SqliteStore, object()])
def test_what_is_no_store_is_refused_with_one(store: Any) -> None:
    with pytest.raises(TypeError, match=r"^store: must be a store, such as SqliteStore\('watchlist.db'\)"):
        Client(NOWHERE, store)


@pytest.mark.parametrize("content_ids", [A, A.encode(), 7, None])
async def test_a_single_id_where_many_are_expected_is_refused(client: Client, content_ids: Any) -> None:
    with pytest.raises(TypeError, match=r"^content_ids: must be a list of UUIDs"):
        client.add_many(content_ids)
    assert client.items == ()


async def test_of_many_contents_none_is_added_if_one_id_is_not_valid(client: Client) -> None:
    with pytest.raises(ValueError, match=r"^content_id: must be a UUID, not 'movie-1'"):
        client.add_many([A, "movie-1"])
    assert (client.items, client.queued) == ((), 0)
    assert client.add_many([]) == []
    assert client.add(A).id.endswith(".1")


async def test_a_long_secret_in_the_place_of_an_id_is_not_repeated(client: Client) -> None:
    with pytest.raises(ValueError, match="content_id: must be a UUID") as refused:
        client.add("Bearer " + SECRET * 20)
    assert SECRET not in str(refused.value)


async def test_nobody_s_list_cannot_be_changed(client: Client) -> None:
    client.sign_out(erase=False)
    for call in ("add", "remove", "add_many", "remove_many"):
        with pytest.raises(NotSignedInError):
            CALLS[call](client)


class Text(str):
    """As parsers of HTML give texts, and frameworks for the web."""

    __slots__ = ()

    def __str__(self) -> str:
        return self  # a subclass again


class Number(float):
    """As numpy gives numbers."""


async def test_texts_and_numbers_of_subclasses_are_stored_as_what_they_are(tmp_path: Path) -> None:
    async with Client("ws://127.0.0.1:9", SqliteStore(tmp_path / "client.db"), content_ids="text") as client:
        client.sign_in(Text("alice"), get_token)
        client.disconnect()
        client.add(Text("tt0111161"), position=Text("V"))
        client.list(Text("kids")).add(Text("tt1"))
        client.progress.update(Text("tt2"), Number(1.5), 8, state=Text("paused"))
        client.devices.update(Text("tv"), device_name=Text("Living room"))
        assert await client.devices.forget(Text("pc")) == "persistent"
        assert client.list("kids") is client.list(Text("kids"))
        assert client.storage == "persistent"
        await client.close()
        client.sign_in("alice", get_token)
        assert [item.content_id for item in client.items] == ["tt0111161"]
        assert [item.position_seconds for item in client.progress.items] == [1.5]
