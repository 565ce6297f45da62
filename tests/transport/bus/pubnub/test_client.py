"""What PubNub's errors mean to an operator, and how the SDK's client is built."""

from typing import Any

import pytest
from pubnub.exceptions import PubNubException
from pubnub.models.consumer.common import PNStatus

from transport.bus.pubnub.client import PubNubSettings, build_client, explain, http_status


def failed(status: int, answer: Any) -> PubNubException:
    said = PNStatus()
    said.status_code, said.original_response = status, answer
    return PubNubException(status=said)


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (
            403,
            {"message": "Forbidden", "payload": {"channels": ["user.*", "user.ann.sync"]}},
            "access denied: Forbidden (user.*, user.ann.sync)",
        ),
        (403, {"message": "Token is revoked"}, "access denied: Token is revoked"),
        (400, [0, "Invalid Key", "17"], "HTTP 400: Invalid Key"),
        (429, b'{"message": "Too many requests"}', "HTTP 429: Too many requests"),
        (502, b"<html>bad \xff gateway", "HTTP 502: <html>bad \N{REPLACEMENT CHARACTER} gateway"),
        (500, {"odd": "x" * 1000}, "HTTP 500: {'odd': '" + "x" * 191),
    ],
)
def test_an_answer_is_explained_whatever_its_shape_and_length(status: int, answer: Any, text: str) -> None:
    error = failed(status, answer)
    assert (http_status(error), explain(error)) == (status, text)


def test_no_answer_is_explained_too() -> None:
    for error, text in (
        (TimeoutError(), "no answer in time"),
        (ConnectionRefusedError("nobody there"), "ConnectionRefusedError: nobody there"),
    ):
        assert (http_status(error), explain(error)) == (None, text)


@pytest.mark.parametrize("groups", [-1, 11])
def test_so_many_groups_as_pubnub_has_are_refused_beyond(groups: int) -> None:
    with pytest.raises(ValueError, match=f"channel_groups: 0 to 10, got {groups}"):
        PubNubSettings(subscribe_key="sub", publish_key="pub", channel_groups=groups)


async def test_a_client_has_what_the_settings_say() -> None:
    settings = PubNubSettings(
        subscribe_key="sub", publish_key="pub", secret_key="sec", auth_token="of access", origin="here:1", is_tls=False
    )
    client = build_client(settings)
    config = client.config
    assert (config.subscribe_key, config.publish_key, config.secret_key) == ("sub", "pub", "sec")
    assert (config.user_id, config.origin, config.ssl) == ("syncd", "here:1", False)
    assert client._get_token() == "of access"
    await client.stop()
