from typing import Any

import pytest

from transport.bus.nats.servers import NatsSettings, credentials


@pytest.mark.parametrize("url", ["nats://h", "tls://ann:pw@h:1", "nats://[::1]:4222, tls://t0ken@127.0.0.1"])
def test_one_address_or_several_can_be_reached(url: str) -> None:
    assert NatsSettings(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "nats://[::1",
            "nats://",
            "nats://:4222",
            "nats://h:bus",
            "nats://h:0",
            "nats://h:99999",
            "nats://a:se#cret@h",
        ),
        *("nats://h,", "nats://h,i:4222", "nats://h,ws://i"),
    ],
)
def test_what_cannot_be_reached_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="must be nats://host:4222 or tls://host:4222, with commas between several"):
        NatsSettings(url=url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://h", {}),
        ("nats://t0ken%2B@h", {"token": "t0ken+"}),
        ("nats://us%3Aer:p%40ss@h,nats://i", {"user": "us:er", "password": "p@ss"}),
    ],
)
def test_servers_are_shown_what_the_first_address_holds(url: str, shown: dict[str, Any]) -> None:
    assert credentials(url) == shown
