import logging

import pytest

from actors.metrics import ListenerMetrics
from transport.access.origins import AllowedOrigins, canonical_origin
from transport.errors import Problem

ALLOWED = AllowedOrigins(["https://tv.example", "HTTPS://App.example:443", "http://[0:0::1]:80", "*", "tv.example"])
LOCAL = AllowedOrigins(are_local_allowed=True)


@pytest.mark.parametrize(
    ("origin", "canonical"),
    [
        ("https://tv.example", "https://tv.example"),
        ("HTTPS://TV.Example:443", "https://tv.example"),
        ("http://tv.example:80", "http://tv.example"),
        ("http://tv.example:0443", "http://tv.example:443"),
        ("https://tv.example:", "https://tv.example"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("null", "null"),
    ],
)
def test_an_origin_has_one_way_to_be_written(origin: str, canonical: str) -> None:
    assert canonical_origin(origin) == canonical


@pytest.mark.parametrize(
    "origin",
    ["", "*", "tv.example", "http://localhost:3000\n", "https://", "https://tv.example/", "https://u@tv.example", "https://*.example",
     "http://localhost:*", "https://a:b", "https://[::1", "https://[:::]", "https://" + "\u00fc" * 80 + ".example"],
)  # fmt: skip
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    assert canonical_origin(origin) is None
    assert not LOCAL.admits(origin)


@pytest.mark.parametrize(
    "origin",
    ["https://tv.example", "HTTPS://TV.example", "https://tv.example:443", "https://app.example", "http://[::1]"],
)
def test_allowed_pages_may_connect_however_their_origin_is_written(origin: str) -> None:
    assert ALLOWED.admits(origin)
    ALLOWED.check([origin], ["sync.example"])


@pytest.mark.parametrize(
    "origin",
    ["http://tv.example", "https://tv.example:8443", "https://tv.example.evil.example", "null", "http://localhost"],
)
def test_pages_that_are_not_allowed_may_not_connect(origin: str) -> None:
    assert not ALLOWED.admits(origin)
    with pytest.raises(Problem, match="--allowed-origins") as refused:
        ALLOWED.check([origin], ["sync.example"])
    assert refused.value.status == 403


def test_what_is_not_ascii_was_sent_by_no_browser_and_no_terminal_is_shown_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    allowed = AllowedOrigins(["https://b\u00fccher.example"])
    assert allowed.admits("https://xn--bcher-kva.example")
    assert not allowed.admits("https://b\u00fccher.example")
    with pytest.raises(Problem):
        allowed.check(["https://\u009b31m.example"], ["sync.example"])
    assert "a page of https://\\x9b31m.example was refused at sync.example" in caplog.text


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://sync.example:8083", "Sync.example:8083", None),
        ("https://sync.example", "sync.example", None),  # TLS ends in front
        ("https://sync.example", "sync.example:443", "https"),
        ("http://sync.example:80", "sync.example", "http"),
        ("http://[::1]:8083", "[0::1]:8083", None),
    ],
)
def test_pages_of_the_service_itself_may_connect(origin: str, host: str, scheme: str | None) -> None:
    AllowedOrigins().check([origin], [host], scheme)


@pytest.mark.parametrize(
    ("origins", "hosts", "scheme"),
    [
        (["http://sync.example"], ["sync.example:8083"], None),
        (["http://sync.example"], ["sync.example:443"], None),
        (["http://sync.example"], ["sync.example"], "https"),
        (["https://sync.example"], ["sync.example"], "http"),
        (["app://sync.example"], ["sync.example"], None),
        (["https://sync.example"], ["sync.example", "sync.example"], None),
        (["https://sync.example"], [], None),
        (["https://tv.example", "https://tv.example"], ["sync.example"], None),
        (["https://" + "a" * 600], ["a" * 600], None),
    ],
)
def test_pages_that_are_almost_of_the_service_may_not(origins: list[str], hosts: list[str], scheme: str | None) -> None:
    with pytest.raises(Problem):
        ALLOWED.check(origins, hosts, scheme)


@pytest.mark.parametrize(
    ("origin", "is_local"),
    [
        ("http://localhost:3000", True),
        ("https://localhost", True),
        ("http://app.localhost:5173", True),
        ("http://127.0.0.1:8100", True),
        ("http://[::1]:3000", True),
        ("http://localhost.evil.example", False),
        ("http://localhost:3000.evil.example", False),
        ("http://evil.example:3000", False),
        ("ftp://localhost", False),
        ("xhttp://localhost", False),
        ("http://user@localhost", False),
        ("null", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://192.168.0.2:3000", False),
    ],
)
def test_in_development_pages_of_this_machine_may_connect(origin: str, is_local: bool) -> None:
    assert LOCAL.admits(origin) is is_local
    assert not ALLOWED.admits(origin)


def test_a_refusal_is_counted_and_says_in_the_log_how_to_allow_the_page(caplog: pytest.LogCaptureFixture) -> None:
    metrics = ListenerMetrics()
    origins = AllowedOrigins(metrics=metrics)
    with pytest.raises(Problem):
        origins.check(["http://tv.example:3000"], ["sync.example"])
    assert metrics.origins_refused == 1
    assert caplog.record_tuples == [
        (
            "transport.access.origins",
            logging.WARNING,
            "a page of http://tv.example:3000 was refused at sync.example: "
            "if it may connect, add its origin to --allowed-origins",
        )
    ]


def test_a_page_without_a_host_may_connect_if_that_is_allowed_by_name() -> None:
    AllowedOrigins(["null"]).check(["null"], ["null"])
    with pytest.raises(Problem):
        AllowedOrigins().check(["null"], ["null"])


def test_a_stranger_cannot_make_a_line_of_the_log_long(caplog: pytest.LogCaptureFixture) -> None:
    AllowedOrigins().note_refused("https://evil.example/" + "x" * 1_000, "h" * 1_000)
    assert len(caplog.text) < 500


def test_whether_anybody_is_allowed_is_known() -> None:
    assert ALLOWED
    assert LOCAL
    assert not AllowedOrigins(["*"])
