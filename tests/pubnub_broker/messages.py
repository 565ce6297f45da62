"""What the broker's parts are tried with, and what all its tests ask over HTTP."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from msgspec import Raw, json

from pubnub_broker.channels import Message
from pubnub_broker.names import Groups

Http = Callable[..., Coroutine[Any, Any, tuple[int, Any]]]

SUBSCRIBE = "/v2/subscribe/s"
ALICE = "uuid=alice&pnsdk=test"

GROUPS = Groups()


def message(channel: str, timetoken: int) -> Message:
    return Message(channel=channel, payload=Raw(b"1"), timetoken=timetoken, reached=GROUPS.names_reached(channel))


async def publish(http: Http, channel: str, message: object, query: str = "") -> int:
    text = quote(json.encode(message), safe="")
    status, (ok, sent, timetoken) = await http("GET", f"/publish/p/s/0/{channel}/0/{text}?{ALICE}{query}")
    assert (status, ok, sent) == (200, 1, "Sent")
    return int(timetoken)
