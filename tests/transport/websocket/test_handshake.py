import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import jwt
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.typing import Subprotocol

from actors.connection.deps import HandshakeResult
from actors.messages.connection import ConnectionMessage, Following
from actors.messages.journal_reads import Bookmark
from actors.ports import DeviceSocket
from tests.timeouts import TIMEOUT_S
from transport.access.authentication import Authenticator
from transport.access.limits import Limits, Quotas
from transport.access.minting import mint
from transport.access.origins import AllowedOrigins
from transport.access.signing_keys import shared_secret
from transport.connection.device_connection import DeviceDeps
from transport.errors import Problem
from transport.websocket.device_protocol import DeviceProtocol
from transport.websocket.handshake import MAX_LISTED, connect_request

SECRET = "a secret of more than thirty-two bytes"
TOKEN = mint(SECRET, "ann", "tv", 36_000)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="

Serve = Callable[..., Any]


class Admitted:
    """Stands where actors are started: records who was admitted."""

    def __init__(self) -> None:
        self.handshakes: list[HandshakeResult] = []
        self.messages: list[ConnectionMessage] = []

    def spawn(self, socket: DeviceSocket, handshake: HandshakeResult) -> Callable[[ConnectionMessage], None]:
        self.handshakes.append(handshake)
        return self.messages.append


@pytest.fixture
def admitted() -> Admitted:
    return Admitted()


@pytest.fixture
async def port(serve: Serve, admitted: Admitted) -> int:
    deps = DeviceDeps(
        authenticator=Authenticator(shared_secret(SECRET)),
        quotas=Quotas(Limits()),
        spawn=admitted.spawn,
        allowed_origins=AllowedOrigins(["https://tv.example"]),
    )
    started: int = await serve(partial(DeviceProtocol, deps))
    return started


async def answer(port: int, target: str = "/ws", method: str = "GET", **headers: str) -> tuple[int, str, Any]:
    """Send one handshake and return status, head and decoded body. A header given as '' is left out."""
    all_headers = {
        "Host": f"127.0.0.1:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        "Authorization": f"Bearer {TOKEN}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{name}: {value}\r\n" for name, value in all_headers.items() if value]
    writer.write(f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode())
    async with asyncio.timeout(TIMEOUT_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split()[1])
        body = None if status == 101 else msgspec.json.decode(await reader.read())
    writer.close()
    await writer.wait_closed()
    return status, head, body


EXPIRED = jwt.encode({"sub": "ann", "device_id": "tv", "exp": int(time.time()) - 5}, SECRET)

REFUSED: list[tuple[dict[str, str], int, str]] = [
    ({"target": "/"}, 404, "it is at /ws"),
    ({"target": "/ws/"}, 404, "it is at /ws"),
    ({"method": "POST"}, 405, "POST"),
    ({"Sec_WebSocket_Version": "8"}, 426, "version 13"),
    ({"Sec_WebSocket_Version": ""}, 400, "Sec-WebSocket-Version"),
    ({"Sec_WebSocket_Key": ""}, 400, "Sec-WebSocket-Key"),
    ({"Sec_WebSocket_Key": "short"}, 400, "Sec-WebSocket-Key"),
    ({"Authorization": ""}, 401, "Authorization: Bearer"),
    ({"Authorization": "Basic YTpi"}, 401, "Authorization: Bearer"),
    ({"Authorization": "Bearer "}, 401, "Authorization: Bearer"),
    ({"Authorization": "Bearer nonsense"}, 401, "malformed"),
    ({"Authorization": f"Bearer {EXPIRED}"}, 401, "expired"),
    ({"Authorization": f"Bearer {TOKEN[:-4]}AAAA"}, 401, "signature"),
    ({"Authorization": f"Bearer {'x' * 9_000}"}, 401, "longer than 8192 characters"),
    ({"Authorization": "", "Sec_WebSocket_Protocol": f"bearer.{'x' * 9_000}"}, 401, "longer than 8192 characters"),
    ({"Sec_WebSocket_Protocol": f"bearer.{TOKEN}"}, 400, "one token"),
    ({"target": f"/ws?token={TOKEN}"}, 400, "token in the URL"),
    ({"target": f"/ws?since=3&access_token={TOKEN}", "Authorization": ""}, 400, "token in the URL"),
    ({"Origin": "https://evil.example"}, 403, "origin"),
    ({"Origin": "null"}, 403, "origin"),
    ({"Origin": "https://tv.example", "origin": "https://tv.example"}, 400, "Origin"),
    ({"target": "/ws?since=-1"}, 400, "since: "),
    ({"target": "/ws?since=1.5"}, 400, "since: "),
    ({"target": "/ws?since="}, 400, "since: "),
    ({"target": "/ws?since=1&since=2"}, 400, "since: "),
    ({"target": "/ws?since=" + "9" * 19}, 400, "since: "),
    ({"target": "/ws?since=1&epoch="}, 400, "epoch: "),
    ({"target": "/ws?since=1&snapshot=whole"}, 400, "snapshot: "),
    ({"target": "/ws?snapshot_cursor=e.1.1.1&snapshot_cursor=e.1.1.1"}, 400, "snapshot_cursor: "),
    ({"target": "/ws?" + "a=1&" * 129}, 400, "parameters"),
    ({"Connection": "Upgrade" + ",a" * MAX_LISTED}, 400, "Connection: must list at most 64"),
    ({"Sec_WebSocket_Protocol": "syncd.v1" + "," * MAX_LISTED}, 400, "Sec-WebSocket-Protocol: must list at most 64"),
]


async def test_headers_that_http_takes_are_taken(port: int) -> None:
    many = {f"X-Trace-{number}": "0" for number in range(200)}
    listed = {
        "Connection": "Upgrade" + ",a" * (MAX_LISTED - 1),
        "Sec_WebSocket_Protocol": "a" + ",a" * (MAX_LISTED - 1),
    }
    status, _, _ = await answer(port, Cookie="c" * 12_000, **listed, **many)
    assert status == 101


async def test_a_request_with_a_body_opens_nothing(port: int, admitted: Admitted) -> None:
    for header, value in (("Content_Length", "2"), ("Transfer_Encoding", "chunked")):
        status, _, problem = await answer(port, **{header: value})
        assert (status, problem["detail"]) == (400, "A request that opens a WebSocket has no body.")
    assert not admitted.handshakes


@pytest.mark.parametrize(("request_", "status", "names"), REFUSED)
async def test_a_request_that_is_wrong_is_refused_with_a_problem_that_names_it(
    port: int, admitted: Admitted, request_: dict[str, str], status: int, names: str
) -> None:
    got, head, problem = await answer(port, **request_)
    assert got == status
    assert names in problem["detail"]
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert "Content-Type: application/problem+json\r\n" in head
    assert ("WWW-Authenticate: Bearer\r\n" in head) == (status == 401)
    assert ("Sec-WebSocket-Version: 13\r\n" in head) == (status == 426)
    assert ("Allow: GET\r\n" in head) == (status == 405)
    assert TOKEN not in head + str(problem)
    assert admitted.handshakes == []


async def test_a_valid_request_is_admitted_with_what_token_and_query_say(port: int, admitted: Admitted) -> None:
    status, head, _ = await answer(port, "/ws?since=41&epoch=e%201")
    assert status == 101
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    assert "Sec-WebSocket-Protocol" not in head
    (handshake,) = admitted.handshakes
    assert (handshake.user_id, handshake.device_id) == ("ann", "tv")
    assert handshake.follows == (Following(since=41, epoch="e 1"),)
    assert not handshake.takes_pieces
    assert 35_000 < handshake.ends_at_s - asyncio.get_running_loop().time() <= 36_000


@pytest.mark.parametrize(
    ("target", "is_there"),
    [
        ("/ws", True),
        ("/sync/ws", True),
        ("http://another.example/ws?since=0", True),  # a request to a proxy: RFC 9112 section 3.2.2
        ("/ws/ws", False),
        ("/sync", False),
        ("//ws", False),
        ("//another.example/ws", False),
        ("//[/ws", False),
    ],
)
def test_a_proxy_may_leave_its_prefix_in_front_of_the_path(target: str, is_there: bool) -> None:
    request = Request(target, Headers([("Authorization", f"Bearer {TOKEN}")]))
    with nullcontext() if is_there else pytest.raises(Problem, match="There is no WebSocket"):
        connect_request(request, AllowedOrigins(), "/sync")


async def test_a_device_that_takes_pieces_may_go_on_behind_one(port: int, admitted: Admitted) -> None:
    status, _, _ = await answer(port, "/ws?since=41&snapshot=pieces&snapshot_cursor=e.9.8.7")
    assert status == 101
    (handshake,) = admitted.handshakes
    assert handshake.takes_pieces
    assert handshake.follows[0].after == Bookmark(epoch="e", revision=9, timestamp=8, added_revision=7)


@pytest.mark.parametrize("origin", ["http://{host}", "HTTP://{host}", "https://tv.example"])
async def test_pages_of_this_host_and_allowed_ones_are_admitted(port: int, origin: str) -> None:
    status, _, _ = await answer(port, Origin=origin.format(host=f"127.0.0.1:{port}"))
    assert status == 101


def test_two_origins_are_refused_though_each_is_allowed_and_the_parser_let_them_through() -> None:
    request = Request("/ws", Headers([("Authorization", f"Bearer {TOKEN}"), *[("Origin", "https://tv.example")] * 2]))
    with pytest.raises(Problem) as refused:
        connect_request(request, AllowedOrigins(["https://tv.example"]))
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("offered", "header", "chosen"),
    [
        ([], True, None),
        (["syncd.v1"], True, "syncd.v1"),
        (["chat", "syncd.v1"], True, "syncd.v1"),
        (["chat"], True, None),
        ([f"bearer.{TOKEN}"], False, f"bearer.{TOKEN}"),
        (["syncd.v1", f"bearer.{TOKEN}"], False, "syncd.v1"),
    ],
)
async def test_the_subprotocol_answered_is_one_that_was_offered(
    port: int, offered: list[str], header: bool, chosen: str | None
) -> None:
    async with connect(
        f"ws://127.0.0.1:{port}/ws",
        additional_headers={"Authorization": f"Bearer {TOKEN}"} if header else None,
        subprotocols=[Subprotocol(name) for name in offered] or None,
        close_timeout=0.1,
    ) as client:
        assert client.subprotocol == chosen
        assert client.protocol.extensions == []


async def test_a_client_library_sees_the_refusal(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{port}/ws"):
            pass
    assert refused.value.response.status_code == 401


async def test_a_token_is_never_logged(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    await answer(port)
    await answer(port, f"/ws?token={TOKEN}")
    server_logs = [record for record in caplog.records if not record.name.startswith("websockets.client")]
    assert not [record for record in server_logs if TOKEN in record.getMessage()]
