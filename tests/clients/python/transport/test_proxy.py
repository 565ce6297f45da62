"""Proxy settings that cannot work: the client says at once what is wrong with them."""

import asyncio
import sys

import pytest
from syncd_client import Client, Disconnected, Event
from syncd_client.transport.proxy import ProxyMistakeError, proxy_for_requests, proxy_mistake

from tests.timeouts import TIMEOUT_S


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("ws", "wss", "http", "https", "socks", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)


@pytest.mark.parametrize(
    "value", ["proxy.corp:3128", "http://proxy.corp:x", "ftp://proxy.corp", "http://ann:secret@h/p"]
)
@pytest.mark.parametrize(("name", "url"), [("http_proxy", "ws://sync.corp"), ("https_proxy", "wss://sync.corp")])
def test_what_is_no_url_is_told_by_the_setting_s_name(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert proxy_mistake(url) == f"{name} must be a URL, such as http://proxy.example.com:3128"


def test_a_proxy_that_needs_a_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("socks_proxy", "http://proxy.corp:1080")
    monkeypatch.setitem(sys.modules, "python_socks", None)
    mistake = proxy_mistake("wss://sync.corp")
    assert mistake == "socks_proxy names a SOCKS proxy, which needs the package python-socks[asyncio]"


def test_settings_that_are_right_or_for_others_are_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_mistake("ws://sync.corp") is None
    monkeypatch.setenv("https_proxy", "http://ann:secret@proxy.corp:3128")
    assert proxy_mistake("wss://sync.corp") is None
    monkeypatch.setenv("https_proxy", "nonsense")
    monkeypatch.setenv("no_proxy", "sync.corp")
    assert proxy_mistake("wss://sync.corp:8083/path") is None


async def test_an_attempt_ends_at_once_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy.corp:3128")
    ends: list[Disconnected] = []

    def note(event: Event) -> None:
        if isinstance(event, Disconnected):
            ends.append(event)

    async with Client("ws://sync.corp") as client:
        client.subscribe(note)
        client.sign_in("alice", lambda: "a-token")
        async with asyncio.timeout(TIMEOUT_S):
            await client.wait_until(lambda: bool(ends))
    assert ends[0].reason == "http_proxy must be a URL, such as http://proxy.example.com:3128"
    assert ends[0].retry_in_ms is not None


def test_a_request_goes_by_the_proxy_of_its_scheme_unless_its_host_is_an_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert proxy_for_requests("https://sync.corp/a") is None
    monkeypatch.setenv("all_proxy", "socks://proxy.corp:1")
    assert proxy_for_requests("https://sync.corp/a") is None
    monkeypatch.setenv("https_proxy", "http://ann:secret@proxy.corp:3128")
    assert proxy_for_requests("https://sync.corp/a") == "http://ann:secret@proxy.corp:3128"
    assert proxy_for_requests("http://sync.corp/a") is None
    monkeypatch.setenv("http_proxy", "proxy.corp:3128")
    assert proxy_for_requests("http://sync.corp/a") == "http://proxy.corp:3128"
    monkeypatch.setenv("no_proxy", "sync.corp:443,[::1]")
    assert proxy_for_requests("https://sync.corp/a") is None
    assert proxy_for_requests("http://sync.corp/a") == "http://proxy.corp:3128"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http://ann:secret@proxy.corp:x", " must be a URL, such as http://proxy.example.com:3128"),
        ("ftp://proxy.corp", " must be a URL, such as http://proxy.example.com:3128"),
        ("socks4a://proxy.corp", " names a SOCKS4 proxy, which requests over HTTP cannot go by"),
        (
            "socks5://ann:secret@proxy.corp",
            " names a SOCKS proxy, for which requests over HTTP need the package httpx[socks]",
        ),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_no_request_can_go_by_is_told_by_the_setting_s_name(
    monkeypatch: pytest.MonkeyPatch, scheme: str, value: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(f"{scheme}_proxy", value)
    with pytest.raises(ProxyMistakeError) as mistake:
        proxy_for_requests(f"{scheme}://sync.corp/a")
    assert str(mistake.value) == f"{scheme}_proxy{said}"
