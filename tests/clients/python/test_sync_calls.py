"""What the client for threads does by itself on the way to the one for asyncio, and what it does not pass on."""

import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from syncd_client import Event, sync
from typing_extensions import override

from tests.timeouts import TIMEOUT_S

A = "0b0e6a4e-52a5-4a5b-9a1f-00000000000a"
NOBODY = "http://127.0.0.1:1"


class Commands(HTTPServer):
    """Takes any command, and keeps what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.bodies: list[Any] = []


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Commands)
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = b'{"status": "sent", "position_seconds": 7}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_error(404)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def commands() -> Iterator[Commands]:
    with Commands() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join(TIMEOUT_S)


def test_what_another_device_is_to_do_reaches_the_service_whole(commands: Commands) -> None:
    with sync.Client(f"http://127.0.0.1:{commands.server_port}") as client:
        client.sign_in("alice", lambda: "a-token")
        client.send("tv", "seek", {"to": 7}, TIMEOUT_S)
        assert client.handoff("tv", A, TIMEOUT_S) == 7
    assert commands.bodies == [
        {"target_device_id": "tv", "command_type": "seek", "payload": {"to": 7}},
        {"target_device_id": "tv", "content_id": A},
    ]


REQUESTS: dict[str, Callable[[sync.Client], object]] = {
    "lists": lambda client: client.lists(timeout_s=0.01),
    "send": lambda client: client.send("tv", "pause", timeout_s=0.01),
    "handoff": lambda client: client.handoff("tv", A, timeout_s=0.01),
    "rename": lambda client: client.list("kids").rename("For the kids", timeout_s=0.01),
    "delete": lambda client: client.list("kids").delete(timeout_s=0.01),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_who_asks_the_service_waits_no_longer_than_wanted(name: str) -> None:
    may_answer = threading.Event()
    with sync.Client(NOBODY) as client:
        client.sign_in("alice", lambda: str(may_answer.wait(TIMEOUT_S)))
        with pytest.raises(TimeoutError):
            REQUESTS[name](client)
        may_answer.set()


def test_a_listener_that_would_have_to_be_awaited_is_refused() -> None:
    async def listen(_: Event) -> None:
        """Never run."""

    with sync.Client(NOBODY) as client, pytest.raises(TypeError, match=r"^listener: must be a plain function"):
        client.subscribe(listen)  # type: ignore[arg-type]


def test_a_mistake_does_not_open_a_closed_client() -> None:
    client = sync.Client(NOBODY)
    client.close()
    with pytest.raises(ValueError, match=r"^user_id: "):
        client.sign_in("", lambda: "a-token")
    with pytest.raises(TypeError, match=r"^get_token: "):
        client.sign_in("alice", None)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"^add: the client is closed; sign_in opens it again$"):
        client.add(A)


def test_a_closed_client_is_kept_by_nobody_but_the_app() -> None:
    client = sync.Client(NOBODY)
    client.sign_in("alice", lambda: "a-token")
    client.close()
    is_there = weakref.ref(client)
    del client
    gc.collect()
    assert is_there() is None
