import pytest

from tests.transport.conftest import Serve
from tests.transport.http.raw_client import connected
from transport.http.http1.hosts import SEVERAL_HOSTS, is_host


@pytest.mark.parametrize(
    "value",
    [b"h", b"Sync.Example:8083", b"a_b-c.example.", b"127.0.0.1:80", b"[::1]:8083", b"[fe80::1%25eth0]", b"h:", b""],
)
def test_a_host_may_have_a_port_or_be_empty(value: bytes) -> None:
    assert is_host(value)


@pytest.mark.parametrize(
    "value", [None, SEVERAL_HOSTS, b"a b", b"h/p", b"u@h", b"h:80:90", b"h:x", b"[::1", b"h\xe9", b"http://h"]
)
def test_what_is_no_host_is_not_taken_for_one(value: bytes | None) -> None:
    assert not is_host(value)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("asks", ["", "Connection: Upgrade\r\nUpgrade: websocket\r\n"], ids=["plain", "upgrade"])
@pytest.mark.parametrize("hosts", ["", "Host: h\r\nHost: h\r\n", "Host: h\r\nHOST: g\r\n", "Host: a b\r\n"])
async def test_a_request_without_one_host_is_refused(serve: Serve, hosts: str, asks: str, method: str) -> None:
    async with connected(await serve(ws="websockets-sansio")) as client:
        await client.send(f"{method} / HTTP/1.1\r\n{hosts}{asks}\r\n".encode())
        answer = await client.answer()
        assert (answer.status, answer.json()["detail"][:5]) == (400, "Host:")
        assert await client.rest() == b""


@pytest.mark.parametrize(("version", "hosts", "status"), [("1.0", "", 200), ("1.0", "Host: h\r\n" * 2, 400)])
async def test_http_1_0_knows_no_host_and_not_two_either(serve: Serve, version: str, hosts: str, status: int) -> None:
    async with connected(await serve()) as client:
        await client.send(f"GET / HTTP/{version}\r\n{hosts}\r\n".encode())
        assert (await client.answer()).status == status


async def test_each_request_of_a_connection_is_judged_by_its_own_host(serve: Serve) -> None:
    trailer = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: g\r\n\r\n"
    async with connected(await serve()) as client:
        for request, status in ((trailer, 200), (trailer, 200), (b"GET / HTTP/1.1\r\n\r\n", 400)):
            await client.send(request)
            assert (await client.answer()).status == status
