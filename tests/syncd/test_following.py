"""Traced writes on one real daemon: over HTTP and the socket, repeated, refused, unasked, with nobody to tell."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.daemon import DaemonProcess, StartDaemon, bearer
from tests.timeouts import TIMEOUT_S

pytestmark = pytest.mark.integration

PARENT_ID = "00f067aa0ba902b7"


@pytest.fixture
def trace_id() -> str:
    return uuid4().hex


@pytest.fixture
def headers(user: str, trace_id: str) -> dict[str, str]:
    """Of a request that asks to be traced."""
    return bearer(user) | {"traceparent": f"00-{trace_id}-{PARENT_ID}-01"}


def logged(daemon: DaemonProcess, **fields: str) -> list[dict[str, Any]]:
    """Return the traced writes' log lines that have these fields, in order."""
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    traces = [line for line in lines if line["logger"] == "syncd.trace"]
    return [line for line in traces if fields.items() <= line.items()]


async def until_logged(daemon: DaemonProcess, count: int, **fields: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(TIMEOUT_S):
        while len(found := logged(daemon, **fields)) < count:
            await asyncio.sleep(0.02)
    return found


def content(number: int = 1) -> str:
    return str(UUID(int=number))


async def post(daemon: DaemonProcess, headers: dict[str, str], body: object, path: str = "watchlist") -> int:
    url = f"{daemon.url}/api/v1/sync/{path}"
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as response:
        await response.read()
        return response.status


async def received(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


@pytest.mark.parametrize(
    ("to", "since"),
    [
        ({"type": "watchlist_update"}, ""),
        ({"type": "list_update", "list": "kids"}, "?since=watchlist:0&since=list:kids:0"),
    ],
)
async def test_a_write_over_the_socket_is_traced_as_one_over_http(
    daemon: DaemonProcess, user: str, trace_id: str, to: dict[str, str], since: str
) -> None:
    async with (
        connect(daemon.ws_url + since, additional_headers=bearer(user, "phone")) as socket,
        connect(daemon.ws_url + "?since=list:later:0", additional_headers=bearer(user, "tv")),
    ):
        for _ in range(since.count("since=")):  # what is read from the journal says nothing of a trace
            await received(socket, "resumed")
        write = to | {"operation": "add", "content_id": content(), "id": 1}
        await socket.send(json.dumps(write | {"traceparent": f"00-{trace_id}-{PARENT_ID}-01"}))
        assert (await received(socket, to["type"]))["traceparent"].startswith(f"00-{trace_id}-")
        lines = await until_logged(daemon, 5, trace_id=trace_id)
    assert [line["event"] for line in lines] == ["accepted", "committed", "answered", "relayed", "written"]
    assert {line["collection"] for line in lines} == {to["type"].removesuffix("_update")}
    assert lines[3]["devices"] == 1
    assert (lines[0]["via"], lines[0]["device_id"], lines[0]["parent_id"]) == ("socket", "phone", PARENT_ID)
    assert [line["ms"] for line in lines] == sorted(line["ms"] for line in lines)


async def test_a_traced_write_costs_so_much_log_however_many_devices_it_reaches(
    daemon: DaemonProcess, user: str, trace_id: str
) -> None:
    user = user.ljust(128, "-")
    async with AsyncExitStack() as stack:
        for number in range(50):
            device = bearer(user, f"{number}".ljust(128, "-"))
            await stack.enter_async_context(connect(daemon.ws_url, additional_headers=device))
        headers = bearer(user) | {"traceparent": f"00-{trace_id}-{PARENT_ID}-01"}
        assert await post(daemon, headers, {"operation": "add", "content_id": content()}) == 200
        lines = await until_logged(daemon, 20, trace_id=trace_id)
    assert [line["devices"] for line in lines if line["event"] == "relayed"] == [50]
    assert sum(line["event"] == "written" for line in lines) == 16
    of_the_write = [line for line in daemon.log.read_text().splitlines(keepends=True) if trace_id in line]
    assert sum(map(len, of_the_write)) < 20_000


@pytest.mark.parametrize("traceparent", ["00-garbage", "", f"00-{'a' * 32}-{PARENT_ID}-00", "\u00fc", 2 * "00-"])
async def test_an_invalid_or_unsampled_header_changes_nothing_and_logs_nothing(
    daemon: DaemonProcess, user: str, headers: dict[str, str], trace_id: str, traceparent: str
) -> None:
    write = {"operation": "add", "content_id": content()}
    assert await post(daemon, bearer(user) | {"traceparent": traceparent}, write) == 200
    assert await post(daemon, headers, write | {"content_id": content(2)}) == 200
    lines = await until_logged(daemon, 4, trace_id=trace_id)
    assert logged(daemon, user=user) == lines


async def test_a_header_sent_twice_is_not_valid(daemon: DaemonProcess, user: str, trace_id: str) -> None:
    body = json.dumps({"operation": "add", "content_id": content()}).encode()
    traceparent = f"traceparent: 00-{trace_id}-{PARENT_ID}-01\r\n"
    head = (
        f"POST /api/v1/sync/watchlist HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: {bearer(user)['Authorization']}\r\n{2 * traceparent}\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(head.encode() + body)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    await writer.wait_closed()
    assert logged(daemon, user=user) == []


async def test_an_invalid_field_is_ignored_on_the_socket_too(daemon: DaemonProcess, user: str) -> None:
    async with connect(daemon.ws_url, additional_headers=bearer(user, "phone")) as socket:
        write = {"type": "watchlist_update", "operation": "add", "content_id": content(), "traceparent": "00-garbage"}
        await socket.send(json.dumps(write))
        assert (await received(socket, "ack"))["status"] == "added"
    assert logged(daemon, user=user) == []


async def test_a_write_that_changes_nothing_is_traced_to_its_answer(
    daemon: DaemonProcess, user: str, headers: dict[str, str], trace_id: str
) -> None:
    add = {"operation": "add", "content_id": content(), "operation_id": "once"}
    remove = {"operation": "remove", "content_id": content(2)}
    drifted = {**add, "operation_id": "other", "timestamp": {"physical": 4 * 10**12, "logical": 0, "node": "x"}}
    assert await post(daemon, bearer(user), add) == 200
    for write, status in ((add, 200), (remove, 404), (drifted, 400)):
        assert await post(daemon, headers, write) == status
    lines = await until_logged(daemon, 8, trace_id=trace_id)
    assert [(line["event"], line.get("status"), line.get("revision")) for line in lines] == [
        ("accepted", None, None), ("committed", "added", 1), ("answered", "added", 1),
        ("accepted", None, None), ("committed", "not_found", None), ("answered", "not_found", None),
        ("accepted", None, None), ("answered", "refused", None),
    ]  # fmt: skip


async def test_a_remove_and_each_write_of_a_bulk_are_traced(
    daemon: DaemonProcess, user: str, headers: dict[str, str], trace_id: str
) -> None:
    operations = [{"operation": operation, "content_id": content()} for operation in ("add", "remove", "add")]
    operations.append(operations[0] | {"list": "kids"})
    assert await post(daemon, headers, {"operations": operations}, "operations") == 200
    lines = await until_logged(daemon, 16, trace_id=trace_id)
    relayed = [(line["collection"], line["revision"], line["devices"]) for line in lines if line["event"] == "relayed"]
    assert sorted(relayed) == [("list", 1, 0), ("watchlist", 1, 0), ("watchlist", 2, 0), ("watchlist", 3, 0)]
    assert len({line["span_id"] for line in lines if line["event"] == "accepted"}) == 4


@pytest.mark.parametrize("flags", [("--trace-ratio", "1"), ("--log-level", "debug")])
async def test_a_write_is_traced_unasked_when_the_operator_wants_it(
    start_daemon: StartDaemon, flags: tuple[str, ...], user: str
) -> None:
    daemon = start_daemon(*flags)
    assert await post(daemon, bearer(user), {"operation": "add", "content_id": content()}) == 200
    lines = await until_logged(daemon, 4, user=user)
    assert [line["event"] for line in lines] == ["accepted", "committed", "answered", "relayed"]
    assert len({line["trace_id"] for line in lines}) == 1
    assert "parent_id" not in lines[0]


async def test_a_collector_that_is_away_costs_no_write_and_holds_up_no_stop(
    start_daemon: StartDaemon, user: str
) -> None:
    daemon = start_daemon("--otlp-endpoint", "http://127.0.0.1:9", "--trace-ratio", "1")
    for number in range(20):
        assert await post(daemon, bearer(user), {"operation": "add", "content_id": content(number)}) == 200
    assert await daemon.terminate() == 0
