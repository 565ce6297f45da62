"""Whatever a client sends: the documented answer, naming the field, and no other connection notices."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.daemon import FILM, WATCHLIST, DaemonProcess, bearer, token

pytestmark = pytest.mark.integration

VALID = {"operation": "add", "content_id": FILM}


async def post(
    http: aiohttp.ClientSession, url: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with http.post(url, data=data, headers=bearer() if headers is None else headers) as response:
        assert response.content_type == ("application/json" if response.ok else "application/problem+json")
        return response.status, await response.json(content_type=None)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "truncated"),
        (b"{not json", "malformed"),
        (b"\xff\xfe", ""),
        ([], "object"),
        ({}, "operation"),
        ({"operation": "add"}, "content_id"),
        (VALID | {"operation": "toggle"}, "$.operation"),
        (VALID | {"operation": 1}, "$.operation"),
        (VALID | {"content_id": "123"}, "$.content_id"),
        (VALID | {"content_id": None}, "$.content_id"),
        (VALID | {"observed": -1}, "$.observed"),
        (VALID | {"observed": "now"}, "$.observed"),
        (VALID | {"operation_id": ""}, "$.operation_id"),
        (VALID | {"tag": "x" * 129}, "$.tag"),
        (VALID | {"timestamp": {"physical": -1, "logical": 0, "node": "n"}}, "$.timestamp.physical"),
        (VALID | {"timestamp": {"physical": 1, "logical": 65536, "node": "n"}}, "$.timestamp.logical"),
        (VALID | {"timestamp": {"physical": 4_000_000_000_000, "logical": 0, "node": "n"}}, "timestamp"),
        (VALID | {"tag": "syncd:99"}, "tag"),
    ],
)
async def test_a_malformed_write_is_400_and_names_the_field(
    daemon: DaemonProcess, http: aiohttp.ClientSession, body: Any, named: str
) -> None:
    status, problem = await post(http, daemon.url + WATCHLIST, body)
    assert status == 400
    assert problem["status"] == 400
    assert named in problem["detail"]


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("size", [17 * 1024, 1024 * 1024])
async def test_a_body_that_is_too_large_is_413(daemon: DaemonProcess, http: aiohttp.ClientSession, size: int) -> None:
    status, problem = await post(http, daemon.url + WATCHLIST, b" " * size)
    assert status == 413
    assert "16384 bytes" in problem["detail"]


@pytest.mark.usefixtures("bystander")
async def test_an_endless_body_without_a_length_is_413(daemon: DaemonProcess, http: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1024):
            yield b" " * 1024

    async with http.post(daemon.url + WATCHLIST, data=chunks(), headers=bearer()) as response:
        assert response.status == 413


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "Bearer"),
        ({"Authorization": "Basic YTpi"}, "Bearer"),
        ({"Authorization": "Bearer nonsense"}, "malformed"),
        (bearer(ttl_s=-100), "expired"),
    ],
)
async def test_a_request_without_a_valid_token_is_401(
    daemon: DaemonProcess, http: aiohttp.ClientSession, headers: dict[str, str], said: str
) -> None:
    status, problem = await post(http, daemon.url + WATCHLIST, VALID, headers)
    assert status == 401
    assert said in problem["detail"]
    with pytest.raises(InvalidStatus) as refused:
        await connect(daemon.ws_url, additional_headers=headers)
    assert refused.value.response.status_code == 401
    assert said in json.loads(refused.value.response.body)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/sync/operations", 405),
        ("DELETE", WATCHLIST, 405),
        ("GET", WATCHLIST + "?since=-1", 400),
        ("GET", WATCHLIST + "?since=soon", 400),
    ],
)
async def test_wrong_paths_methods_and_parameters_are_told(
    daemon: DaemonProcess, http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, daemon.url + path, headers=bearer()) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        assert (await response.json(content_type=None))["detail"]


@pytest.mark.usefixtures("bystander")
async def test_half_a_handshake_left_open_disturbs_nobody(daemon: DaemonProcess) -> None:
    pairs = [await asyncio.open_connection("127.0.0.1", daemon.port) for _ in range(50)]
    for _, writer in pairs:
        writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgr")
        await writer.drain()
    async with connect(daemon.ws_url, additional_headers=bearer()):
        pass
    for _, writer in pairs:
        writer.close()
        await writer.wait_closed()


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        ("{not json", "malformed", "JSON"),
        ("[]", "malformed", ""),
        ("{}", "invalid_field", "type"),
        ('{"type":"nonsense"}', "unknown_type", "nonsense"),
        ('{"type":"watchlist_update","operation":"add","content_id":"123","id":7}', "invalid_field", "content_id"),
        ('{"type":"watchlist_update","operation":"zap","content_id":"123","id":7}', "invalid_field", "operation"),
    ],
)
async def test_a_bad_message_gets_an_error_that_names_the_field_and_the_connection_stays(
    daemon: DaemonProcess, message: str, code: str, named: str
) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer()) as socket:
        await socket.send(message)
        error = json.loads(await socket.recv())
        assert (error["type"], error["code"]) == ("error", code)
        assert named in str(error)
        await socket.send('{"type":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(("frame", "close_code"), [(b"binary", 4502), ("x" * (16 * 1024 + 1), 1009)])
async def test_binary_and_over_long_messages_close_with_their_code(
    daemon: DaemonProcess, frame: str | bytes, close_code: int
) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer()) as socket:
        await socket.send(frame)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == close_code


async def test_a_token_in_the_url_is_refused(daemon: DaemonProcess) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{daemon.ws_url}?token={token()}")
    assert refused.value.response.status_code == 400
    assert "token" in json.loads(refused.value.response.body)["detail"].lower()


async def test_one_bad_operation_leaves_the_rest_of_a_bulk_alone(
    daemon: DaemonProcess, http: aiohttp.ClientSession, user: str
) -> None:
    contents = [str(uuid4()) for _ in range(3)]
    far_ahead = {"physical": 4_000_000_000_000, "logical": 0, "node": "phone"}
    operations = [
        {"operation": "add", "content_id": contents[0], "tag": "phone-1:1"},
        {"operation": "add", "content_id": "123"},
        {"operation": "add", "content_id": contents[1], "timestamp": far_ahead},
        {"operation": "remove", "content_id": contents[2]},
        {"operation": "remove", "content_id": contents[0]},
        {"operation": "add", "content_id": contents[0]},
        {"operation": "add", "content_id": contents[0]},
    ]
    url = daemon.url + "/api/v1/sync/operations"
    status, answer = await post(http, url, {"operations": operations}, bearer(user))
    assert status == 200
    assert [result["status"] for result in answer["results"]] == [
        "added", "refused", "refused", "not_found", "removed", "added", "existing",
    ]  # fmt: skip
    assert "content_id" in answer["results"][1]["detail"]
    assert "timestamp" in answer["results"][2]["detail"]
    status, problem = await post(http, url, {"operations": [VALID] * 501})
    assert status == 400
    assert "$.operations" in problem["detail"]
