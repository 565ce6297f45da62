"""What a link tells the core of the app's callback and of refusals."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from syncd_client import Client, State
from syncd_client.core.core import Core
from syncd_client.core.outputs import Transport
from syncd_client.core.token import Token
from syncd_client.transport import authorities
from syncd_client.transport.link import Link
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from tests.timeouts import TIMEOUT_S

PROBLEM = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "Another origin."}


async def told(reported: asyncio.Queue[Any]) -> tuple[Any, dict[str, Any]]:
    """Return what the core is told next: the method, and with what."""
    async with asyncio.timeout(TIMEOUT_S):
        happened = await reported.get()
    return happened.func, happened.keywords


@asynccontextmanager
async def refusing(content_type: str, body: str, **headers: str) -> AsyncIterator[str]:
    """Refuse whoever comes with 403; the address."""

    def refuse(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(HTTPStatus.FORBIDDEN, body)
        del response.headers["Content-Type"]
        response.headers.update({"Content-Type": content_type, **headers})
        return response

    async def talk(_: ServerConnection) -> None:
        raise AssertionError("all are refused")

    server: Server
    async with serve(talk, "127.0.0.1", 0, process_request=refuse) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refusal_of(url: str) -> dict[str, Any]:
    """Return what the core is told of an attempt that fails."""
    reported: asyncio.Queue[Any] = asyncio.Queue()
    link = Link(url, reported.put_nowait)
    link.open(Transport.WEBSOCKET, "/ws", "a-token")
    func, fields = await told(reported)
    assert func is Core.open_failed
    await link.wait_closed()
    return fields


async def test_a_refusal_of_the_service_is_told_with_its_words() -> None:
    async with refusing("application/problem+json", json.dumps(PROBLEM), **{"Retry-After": "7"}) as url:
        refusal = await refusal_of(url)
    assert refusal | {"reason": ""} == {"reason": "", "status": 403, "retry_after_s": 7, "problem": "Another origin."}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/html", json.dumps(PROBLEM)), ("application/problem+json", json.dumps(PROBLEM | {"status": 401}))],
)
async def test_a_refusal_of_others_is_told_without_words(content_type: str, body: str) -> None:
    async with refusing(content_type, body) as url:
        refusal = await refusal_of(url)
    assert (refusal["status"], refusal["problem"]) == (403, None)


@pytest.mark.parametrize(
    ("answer", "func", "fields"),
    [
        ("a-token", Core.token, {"token": Token("a-token")}),
        (None, Core.token_failed, {"reason": "get_token returned None"}),
        (7, Core.token_unusable, {"reason": "get_token must return a text, not int"}),
        (b"a-token", Core.token_unusable, {"reason": "get_token must return a text, not bytes"}),
    ],
)
async def test_what_the_callback_answers_is_told_by_what_it_is(answer: Any, func: Any, fields: dict[str, Any]) -> None:
    async def get_token() -> Any:
        return answer

    reported: asyncio.Queue[Any] = asyncio.Queue()
    link = Link("ws://127.0.0.1:1", reported.put_nowait)
    link.ask_token(get_token)
    assert await told(reported) == (func, fields)
    await link.wait_closed()


async def test_of_two_questions_only_the_later_one_is_answered() -> None:
    answers: list[asyncio.Future[str]] = []

    async def get_token() -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        answers.append(answer)
        return await asyncio.shield(answer)

    reported: asyncio.Queue[Any] = asyncio.Queue()
    link = Link("ws://127.0.0.1:1", reported.put_nowait)
    for _ in range(2):
        link.ask_token(get_token)
        await asyncio.sleep(0)
    for answer, value in zip(answers, ("first", "second"), strict=True):
        answer.set_result(value)
    assert await told(reported) == (Core.token, {"token": Token("second")})
    await link.wait_closed()
    assert reported.empty()


async def test_a_client_that_wakes_asks_the_service_for_a_sign_of_life() -> None:
    async def get_token() -> str:
        return "a-token"

    received: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def talk(connection: ServerConnection) -> None:
        await connection.send('{"type": "resumed", "recovered": true, "revision": 0, "epoch": "e1"}')
        async for text in connection:
            received.put_nowait(text)

    server: Server
    async with serve(talk, "127.0.0.1", 0) as server, asyncio.timeout(TIMEOUT_S):
        async with Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
            client.sign_in("alice", get_token)
            await client.wait_until(lambda: client.state is State.LIVE)
            assert client.transport is Transport.WEBSOCKET
            client.wake()
            assert json.loads(await received.get()) == {"type": "ping"}
        assert client.transport is None


@pytest.mark.parametrize("transport", [Transport.WEBSOCKET, Transport.STREAM])
async def test_whatever_a_connection_dies_of_the_core_is_told_at_once(transport: Transport) -> None:
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor()
    threads.shutdown()  # as all are once the main thread has ended: no name of a host is found any more
    loop.set_default_executor(threads)
    logged: list[str] = []
    loop.set_exception_handler(lambda _, context: logged.append(context["message"]))
    reported: asyncio.Queue[Any] = asyncio.Queue()
    link = Link("ws://localhost:9", reported.put_nowait)
    link.open(transport, "/ws", "a-token")
    func, fields = await told(reported)
    assert (func, fields["reason"]) == (Core.closed, "the connection failed: RuntimeError")
    assert link.is_closed
    link.drop()
    await link.wait_closed()
    assert logged == ["the connection failed"]


@pytest.mark.parametrize("transport", [Transport.WEBSOCKET, Transport.STREAM])
@pytest.mark.parametrize("failure", [PermissionError(13, "Permission denied", "/keys"), ValueError("no certificate")])
async def test_whatever_is_wrong_with_the_systems_authorities_is_told_and_not_logged(
    transport: Transport, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> ssl.SSLContext:
        raise failure

    monkeypatch.setattr(authorities, "_kept", authorities._Kept())
    monkeypatch.setattr(ssl, "create_default_context", fail)
    logged: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context["message"]))
    reported: asyncio.Queue[Any] = asyncio.Queue()
    link = Link("wss://localhost:9", reported.put_nowait)
    link.open(transport, "/ws", "a-token")
    assert await told(reported) == (Core.open_failed, {"reason": str(failure)})
    await link.wait_closed()
    assert logged == []


async def test_a_probe_that_cannot_be_made_leaves_the_connection_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> ssl.SSLContext:
        raise PermissionError

    threads = ThreadPoolExecutor()
    threads.shutdown()
    asyncio.get_running_loop().set_default_executor(threads)
    monkeypatch.setattr(authorities, "_kept", authorities._Kept())
    reported: asyncio.Queue[Any] = asyncio.Queue()
    link = Link("ws://localhost:9", reported.put_nowait)
    link.probe("/ws", "a-token")
    assert await told(reported) == (Core.probed, {"is_there": False})
    monkeypatch.setattr(ssl, "create_default_context", fail)
    link = Link("wss://localhost:9", reported.put_nowait)
    link.probe("/ws", "a-token")
    assert await told(reported) == (Core.probed, {"is_there": False})
    assert not link.is_closed
