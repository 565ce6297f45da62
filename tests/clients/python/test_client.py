"""The shell around the core: sockets, callbacks, listeners and the store, with a scripted service on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import pytest
from syncd_client import (
    Client,
    Connected,
    Disconnected,
    Event,
    MemoryStore,
    NotSignedInError,
    Refused,
    Resumed,
    State,
    StateChanged,
    Storage,
    Updated,
)
from syncd_client.core.core import Core
from syncd_client.core.outputs import Transport
from syncd_client.data.user_state import Changes
from syncd_client.transport.carrying import Input
from syncd_client.transport.link import Link
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

from tests.timeouts import TIMEOUT_S

A = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
B = "0b0e6a4e-52a5-4a5b-9a1f-00000000000b"
ADD_A = {"type": "watchlist_update", "content_id": A, "action": "add", "revision": 1}


class Service:
    """Says ``resumed`` to whoever connects, and what a test wants; keeps what it is told."""

    def __init__(self) -> None:
        self.refusal: tuple[HTTPStatus, dict[str, str]] | None = None
        self.requests: list[Request] = []
        self.received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.close_codes: asyncio.Queue[int | None] = asyncio.Queue()
        self.connection: ServerConnection | None = None
        self.url = ""

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.refusal is None:
            return None
        status, headers = self.refusal
        response = connection.respond(status, "no\n")
        response.headers.update(headers)
        return response

    async def _talk(self, connection: ServerConnection) -> None:
        self.connection = connection
        await self.say({"type": "resumed", "recovered": True, "revision": 0, "epoch": "e1"})
        async for text in connection:
            self.received.put_nowait(json.loads(text))
        self.close_codes.put_nowait(connection.close_code)

    async def say(self, *messages: Any) -> None:
        assert self.connection is not None
        for message in messages:
            await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        server: Server
        async with serve(self._talk, "127.0.0.1", 0, process_request=self._answer) as server:
            _, port = server.sockets[0].getsockname()
            self.url = f"ws://127.0.0.1:{port}"
            yield self


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service().running() as service:
        yield service


async def get_token() -> str:
    return "a-token"


async def until(client: Client, state: State) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await client.wait_until(lambda: client.state is state)


async def soon(waiting: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(TIMEOUT_S):
        return await waiting.get()


async def test_the_token_goes_into_the_header_and_never_into_the_url(service: Service) -> None:
    async with Client(service.url) as client:
        client.sign_in("alice", get_token)
        await until(client, State.LIVE)
        (request,) = service.requests
        assert request.path == "/ws?snapshot=pieces&since=0"
        assert request.headers["Authorization"] == "Bearer a-token"


async def test_closing_the_client_closes_the_connection_politely_and_can_be_repeated(service: Service) -> None:
    client = Client(service.url)
    client.sign_in("alice", get_token)
    await until(client, State.LIVE)
    await client.close()
    assert await soon(service.close_codes) == 1000
    await client.close()


async def test_what_is_no_message_we_know_does_no_harm(service: Service) -> None:
    async with Client(service.url) as client:
        client.sign_in("alice", get_token)
        await until(client, State.LIVE)
        await service.say("no JSON", b"\x00\xff", "[]", {"type": "news"}, {"type": "watchlist_update"}, ADD_A)
        async with asyncio.timeout(TIMEOUT_S):
            await client.wait_until(lambda: bool(client.items))
        assert [item.content_id for item in client.items] == [A]
        assert client.state is State.LIVE


@pytest.mark.parametrize("mistake", [RuntimeError, asyncio.CancelledError])
async def test_a_listener_may_change_the_list_and_a_failing_one_disturbs_nobody(
    service: Service, mistake: type[BaseException]
) -> None:
    seen: list[Event] = []

    def fail(event: Event) -> None:
        raise mistake  # the latter by the result of a task of its own

    def answer(event: Event) -> None:
        if isinstance(event, Resumed):
            client.add(B)

    async with Client(service.url) as client:
        client.subscribe(fail)
        client.subscribe(answer)
        client.subscribe(seen.append)
        client.sign_in("alice", get_token)
        await until(client, State.LIVE)
        assert (await soon(service.received))["content_id"] == B
    told = [type(event) for event in seen if not isinstance(event, StateChanged)]
    assert told == [Updated, Connected, Resumed, Updated, Disconnected]
    states = [event.state for event in seen if isinstance(event, StateChanged)]
    assert states == [State.TOKEN, State.OPENING, State.RESUMING, State.LIVE, State.STOPPED]


async def test_who_unsubscribes_is_told_nothing_more(service: Service) -> None:
    seen: list[Event] = []
    async with Client(service.url) as client:
        unsubscribe = client.subscribe(seen.append)
        unsubscribe()
        client.sign_in("alice", get_token)
        await until(client, State.LIVE)
    assert seen == []


async def test_the_stream_of_events_ends_with_the_client(service: Service) -> None:
    client = Client(service.url)
    events = client.events()
    client.sign_in("alice", get_token)
    client.add(A)
    client.add(B)
    kinds = []
    async with asyncio.timeout(TIMEOUT_S):
        async for event in events:
            if not isinstance(event, StateChanged):
                kinds.append(type(event))
            if isinstance(event, Resumed):
                await client.close()
    assert kinds == [Updated, Updated, Connected, Resumed, Disconnected]


async def test_a_token_that_comes_too_late_is_not_used(service: Service) -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def get_slowly() -> str:
        is_asked.set()
        with suppress(asyncio.CancelledError):  # a callback may insist
            await may_answer.wait()
        return "too-late"

    async with Client(service.url) as client:
        client.sign_in("alice", get_slowly)
        await is_asked.wait()
        client.sign_in("bob", get_token)
        may_answer.set()
        await until(client, State.LIVE)
    assert [request.headers["Authorization"] for request in service.requests] == ["Bearer a-token"]


async def test_a_callback_that_fails_is_asked_again(service: Service) -> None:
    asked = 0

    async def get_at_the_second_try() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise OSError("no network")
        return "a-token"

    async with Client(service.url) as client:
        client.sign_in("alice", get_at_the_second_try)
        await until(client, State.WAITING)
        client.connect()
        await until(client, State.LIVE)
    assert asked == 2


async def test_after_a_goodbye_it_comes_back_with_what_it_has(service: Service) -> None:
    async with Client(service.url) as client:
        client.sign_in("alice", get_token)
        await until(client, State.LIVE)
        await service.say(ADD_A, {"type": "goodbye", "reconnect_in_ms": 1})
        assert service.connection is not None
        await service.connection.close(1001)
        async with asyncio.timeout(TIMEOUT_S):
            await client.wait_until(lambda: client.state is State.LIVE and len(service.requests) == 2)
        assert [item.content_id for item in client.items] == [A]
    assert [request.path for request in service.requests] == [
        "/ws?snapshot=pieces&since=0",
        "/ws?snapshot=pieces&since=1&epoch=e1",
    ]


async def test_who_signs_out_for_good_leaves_nothing_in_the_store(service: Service) -> None:
    store = MemoryStore()
    async with Client(service.url, store) as client:
        client.sign_in("alice", get_token)
        await until(client, State.LIVE)
        client.add(A)
        client.remove(A)
        client.sign_out(erase=True)
        assert client.items == ()
        assert store.load("alice") is None
        assert await soon(service.close_codes) == 1000


async def test_retry_after_is_obeyed(service: Service) -> None:
    service.refusal = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "40"}
    ends: list[Event] = []
    async with Client(service.url) as client:
        client.subscribe(ends.append)
        client.sign_in("alice", get_token)
        await until(client, State.WAITING)
    assert [end.retry_in_ms for end in ends if isinstance(end, Disconnected)] == [40_000, None]


async def test_a_redirect_does_not_get_the_token(service: Service) -> None:
    async with Service().running() as elsewhere, Client(service.url) as client:
        service.refusal = HTTPStatus.TEMPORARY_REDIRECT, {"Location": elsewhere.url + "/ws"}
        client.sign_in("alice", get_token)
        await until(client, State.WAITING)
        assert elsewhere.requests == []


async def test_a_service_that_is_not_there_is_tried_again() -> None:
    async with Service().running() as service:
        url = service.url
    async with Client(url) as client:
        client.sign_in("alice", get_token)
        await until(client, State.WAITING)
        client.disconnect()
        assert client.state is State.STOPPED


async def test_a_service_that_never_answers_does_not_hold_up_the_end() -> None:
    is_connected, may_end = asyncio.Event(), asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_connected.set()
        await may_end.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        _, port = server.sockets[0].getsockname()
        async with asyncio.timeout(TIMEOUT_S), Client(f"ws://127.0.0.1:{port}") as client:
            client.sign_in("alice", get_token)
            await is_connected.wait()
            assert client.state is State.OPENING
        may_end.set()


async def test_bytes_of_a_message_that_is_not_whole_yet_are_a_sign_of_life(service: Service) -> None:
    reported: asyncio.Queue[Input] = asyncio.Queue()
    link = Link(service.url, reported.put_nowait)
    link.open(Transport.WEBSOCKET, "/ws", "a-token")
    while getattr(await soon(reported), "func", None) is not Core.received:  # of the service's first message
        pass
    assert service.connection is not None
    message = Frame(Opcode.TEXT, json.dumps(ADD_A).encode()).serialize(mask=False)
    service.connection.transport.write(message[: len(message) // 2])
    assert await soon(reported) == Core.heard
    assert reported.empty()
    service.connection.transport.write(message[len(message) // 2 :])
    assert await soon(reported) == Core.heard
    assert (await soon(reported)).func is Core.received
    link.drop()
    await link.wait_closed()


class FullStore(MemoryStore):
    is_full = False

    def save(self, user_id: str, changes: Changes) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        super().save(user_id, changes)


async def test_while_a_store_fails_the_client_goes_on_and_nothing_is_numbered_as_before(service: Service) -> None:
    store = FullStore()
    seen: list[Event] = []
    async with Client(service.url, store) as client:
        client.sign_in("alice", get_token)
        client.add(A)
        first = await soon(service.received)
        store.is_full = True
        client.subscribe(seen.append)
        second = client.add(B)
        assert await second == "memory"
        assert [type(event) for event in seen][:1] == [Storage]
        assert client.state is not State.LIVE, "what was to be sent on the open connection has another number now"
        repeated, write = await soon(service.received), await soon(service.received)
        assert repeated == first
        assert write["content_id"] == B
        assert write["operation_id"].partition(".")[0] not in (first["operation_id"].partition(".")[0], "")
        await service.say({"type": "error", "id": write["id"], "code": "refused", "message": "no"})
        async with asyncio.timeout(TIMEOUT_S):
            await client.wait_until(lambda: client.queued == 1)
            assert [event.operation_id for event in seen if isinstance(event, Refused)] == [second.id]
            store.is_full = False
            await client.wait_until(lambda: isinstance(seen[-1], Storage))
        assert store.load("alice") is not None
    reasons = [event.reason for event in seen if isinstance(event, Storage)]
    assert reasons == ["no space left on device", "stored again after: no space left on device"]


async def test_nobody_signed_in_has_no_list(service: Service) -> None:
    async with Client(service.url) as client:
        assert client.items == ()
        assert client.queued == 0
        client.connect()
        client.sign_out(erase=True)
        assert client.state is State.SIGNED_OUT
        with pytest.raises(NotSignedInError):
            client.add(A)
