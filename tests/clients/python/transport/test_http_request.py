"""A request beside the connection fails with one exception, whatever the cause."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from syncd_client import RequestFailedError
from syncd_client.transport import authorities, http_request


async def get_token() -> str:
    return "a-token"


def without_threads(_: pytest.MonkeyPatch) -> None:
    """As once the main thread has ended: no name of a host is found any more."""
    threads = ThreadPoolExecutor()
    threads.shutdown()
    asyncio.get_running_loop().set_default_executor(threads)


def with_a_log_of_keys_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(Path(__file__) / "keys"))


@pytest.mark.parametrize("spoil", [without_threads, with_a_log_of_keys_that_cannot_be_written])
async def test_what_is_wrong_with_this_machine_is_told_as_any_failure(
    spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorities, "_kept", authorities._Kept())
    spoil(monkeypatch)
    with pytest.raises(RequestFailedError, match=r"^not answered: \w+$") as caught:
        await http_request.send("http://localhost:9/", "ann", get_token, "GET", None)
    assert (caught.value.status, caught.value.code) == (None, None)


async def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://ann:secret@proxy:port")
    with pytest.raises(RequestFailedError) as caught:
        await http_request.send("http://localhost:9/", "ann", get_token, "GET", None)
    said = "not answered: http_proxy must be a URL, such as http://proxy.example.com:3128"
    assert (str(caught.value), caught.value.status, caught.value.code) == (said, None, None)


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Where somebody answers with the line that was asked, whether it is a proxy's or the service's."""
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0]
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(line), line))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("no_proxy", ["localhost,fe80::/10", "[::1]", ""])
@pytest.mark.parametrize("all_proxy", ["socks://127.0.0.1:1/", "socks5h://127.0.0.1:1", ""])
async def test_it_goes_by_the_proxy_that_is_for_it_whatever_is_set_for_others(
    address: str, monkeypatch: pytest.MonkeyPatch, all_proxy: str, no_proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv("all_proxy", all_proxy)
    monkeypatch.setenv("no_proxy", no_proxy)
    answer = await http_request.send("http://sync.corp/lists", "ann", get_token, "GET", None)
    assert answer.body == b"GET http://sync.corp/lists HTTP/1.1"


async def test_it_goes_by_no_proxy_where_none_is_for_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:1/")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    answer = await http_request.send(f"{address}/lists", "ann", get_token, "GET", None)
    assert answer.body == b"GET /lists HTTP/1.1"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert (await http_request.send(f"{address}/lists", "ann", get_token, "GET", None)).body == answer.body
