"""A request beside the connection fails by one exception, whatever it fails of."""

import asyncio
from collections.abc import Callable
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


def with_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:port")


@pytest.mark.parametrize(
    "spoil", [without_threads, with_a_log_of_keys_that_cannot_be_written, with_a_proxy_that_is_none]
)
async def test_what_is_wrong_with_this_machine_is_told_as_any_failure(
    spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorities, "_kept", authorities._Kept())
    spoil(monkeypatch)
    with pytest.raises(RequestFailedError, match=r"^not answered: \w+$") as caught:
        await http_request.send("http://localhost:9/", "ann", get_token, "GET", None)
    assert (caught.value.status, caught.value.code) == (None, None)
