"""One parsed request and PubNub's standard errors, without a socket."""

from typing import Any

import pytest
from msgspec import json

from pubnub_broker.exchange import (
    Refused,
    Request,
    access_denied,
    bad_request,
    error,
    names_in,
    not_sent,
    valid_json,
    whole_number,
)
from pubnub_broker.names import Name


def get(target: bytes) -> Request:
    return Request("GET", target, {}, b"")


def test_a_path_stays_escaped_and_a_query_does_not() -> None:
    request = get(b"/v2/subscribe/s/a%2Fb,c/0?uuid=ann%20b&empty=")
    assert request.segments == ["v2", "subscribe", "s", "a%2Fb,c", "0"]
    assert request.query == {"uuid": "ann b", "empty": ""}
    assert (request.uuid, get(b"/?uuid=").uuid, get(b"/").uuid) == ("ann b", None, None)


def test_a_request_is_about_its_channels_and_its_groups() -> None:
    request = get(b"/?channel-group=g,,h")
    assert request.names("a%2Fb,c") == [
        Name("a/b"),
        Name("c"),
        Name("g", is_group=True),
        Name("h", is_group=True),
    ]
    assert get(b"/").names(",") == []
    assert names_in("a,,%2C") == ["a", ","]


def test_a_whole_number_is_read_and_anything_else_is_refused_by_name() -> None:
    request = get(b"/?tt=17&empty=&wrong=-1")
    assert (request.integer("tt"), request.integer("empty"), request.integer("absent")) == (17, None, None)
    for text in ("-1", "1.5", "x", "\u0661"):
        with pytest.raises(Refused) as refused:
            whole_number("tt", text)
        assert json.decode(refused.value.response.body)["message"].startswith("tt: expected a whole number")
    with pytest.raises(Refused):
        request.integer("wrong")


@pytest.mark.parametrize(("text", "is_on"), [("true", True), ("1", True), ("0", False), ("True", False), ("", False)])
def test_a_switch_is_on_as_sdks_write_it(text: str, is_on: bool) -> None:
    assert get(f"/?norep={text}".encode()).is_set("norep") is is_on


@pytest.mark.parametrize(
    ("response", "status", "shape"),
    [
        (bad_request("why"), 400, {"message": "why", "status": 400, "service": "Broker", "error": True}),
        (
            error(404, "gone", "Presence"),
            404,
            {"message": "gone", "status": 404, "service": "Presence", "error": True},
        ),
        (not_sent("Invalid JSON", 17), 400, [0, "Invalid JSON", "17"]),
        (
            access_denied(["a"]),
            403,
            {
                "message": "Forbidden",
                "status": 403,
                "service": "Access Manager",
                "error": True,
                "payload": {"channels": ["a"]},
            },
        ),
    ],
)
def test_errors_have_the_recorded_shapes(response: Any, status: int, shape: object) -> None:
    assert (response.status, json.decode(response.body)) == (status, shape)


def test_json_is_kept_as_it_came_and_anything_else_is_nothing() -> None:
    kept = valid_json(b' {"a": 1.50}')
    assert kept is not None
    assert bytes(kept) == b' {"a": 1.50}'
    for text in (b"", b"{", b"nonsense", b'"\xff"'):
        assert valid_json(text) is None
