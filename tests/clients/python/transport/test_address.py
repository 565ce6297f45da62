"""The service's address, as people have it."""

from typing import Any

import pytest
from syncd_client import Client
from syncd_client.transport.address import address_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://localhost:8083", "ws://localhost:8083"),
        ("http://127.0.0.1:8083", "ws://127.0.0.1:8083"),
        ("HTTPS://sync.example.com/", "wss://sync.example.com"),
        ("wss://sync.example.com//", "wss://sync.example.com"),
        ("https://example.com/sync/v2/", "wss://example.com/sync/v2"),
        ("http://[::1]:8083", "ws://[::1]:8083"),
        (" http://b\u00fccher.example\n", "ws://b\u00fccher.example"),
    ],
)
def test_an_address_is_taken_as_people_have_it(url: str, address: str) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:8083", "127.0.0.1:8083", "nonsense", "ftp://x", "http://", "http:///x", "http://[::1"),
        *("http://h:99999", "http://h:x", "http://a..b", f"http://{'x' * 64}.example", "http://h:0", "http://:80"),
        *("https://https://h", "http://h,http://i", "https://{host}", "https://$HOST", '"https://h"', "https:/h"),
        *(
            "http://h/a b",
            "http://h\\b",
            "http://h/a\r\nX: y",
            "http://h\n.example",
            "//h",
            "h/ws",
            None,
            7,
            b"http://h",
        ),
    ],
)
def test_what_is_no_address_is_refused_with_one_that_is(url: Any) -> None:
    with pytest.raises(ValueError, match=r"^url: must be the service's address, such as https://[a-z.]+: th"):
        address_of(url)


@pytest.mark.parametrize(
    "url",
    [
        *("http://h/#secret", "http://h/?token=secret", "http://ann:secret@h", "ws://h/secret/ws/"),
    ],
)
async def test_what_an_address_must_not_have_is_said_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url: must be the service's address without ") as refused:
        Client(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["secret", "ann:secret@h:80", "http://ann:secret@h:x", "ftp://h/secret", "http://h/ secret"]
)
def test_what_is_no_address_is_not_repeated_either(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url: must be the service's address") as refused:
        address_of(url)
    assert "secret" not in str(refused.value)
