"""History v2, fetch v3, delete and message counts, as PubNub answers them."""

from typing import Any

from pubnub_broker.channels import Message
from pubnub_broker.exchange import Refused, Request, Response, bad_request, json_response, names_in, whole_number
from pubnub_broker.keyset import Keyset

MAX_MESSAGES = 100
MAX_MESSAGES_OF_SEVERAL = 25


def history(keyset: Keyset, request: Request, channel: str) -> Response:
    """Answer version 2: an array, oldest first, between two timetokens of its ends."""
    start, end = request.integer("start"), request.integer("end")
    count = _limit(request.integer("count"), MAX_MESSAGES)
    if request.query.get("reverse") == "true":
        messages = keyset.history.oldest(channel, count, after=start, until=end)
    else:
        messages = keyset.history.newest(channel, count, before=start, since=end)
    ends = (messages[0].timetoken, messages[-1].timetoken) if messages else (0, 0)
    return json_response(([_item(message, request) for message in messages], *ends))


def _item(message: Message, request: Request) -> Any:
    if not (request.is_set("include_token") or request.is_set("include_meta")):
        return message.payload
    item: dict[str, Any] = {"message": message.payload}
    if request.is_set("include_token"):
        item["timetoken"] = message.timetoken
    if request.is_set("include_meta"):
        item["meta"] = message.meta or ""
    return item


def fetch(keyset: Keyset, request: Request, channels: str, most: int) -> Response:
    """Answer version 3: the newest messages of each channel, oldest first; at most ``most`` of one channel."""
    names = names_in(channels)
    most = most if len(names) == 1 else MAX_MESSAGES_OF_SEVERAL
    start, end = request.integer("start"), request.integer("end")
    count = _limit(request.integer("max"), most)
    found = {name: keyset.history.newest(name, count, before=start, since=end) for name in names}
    return _done(
        channels={name: [_record(m, request) for m in messages] for name, messages in found.items() if messages}
    )


def _record(message: Message, request: Request) -> dict[str, Any]:
    record: dict[str, Any] = {"message": message.payload, "timetoken": str(message.timetoken)}
    if request.is_set("include_meta"):
        record["meta"] = message.meta or ""
    if request.is_set("include_uuid"):
        record["uuid"] = message.publisher
    if request.is_set("include_message_type"):
        record["message_type"] = message.kind
    if request.is_set("include_custom_message_type"):
        record["custom_message_type"] = message.custom_type or ""
    return record


def count(keyset: Keyset, request: Request, channels: str) -> Response:
    """Tell how many messages each channel has that are newer than one timetoken, or than one each.

    Raises:
        Refused: there are neither one timetoken nor as many as channels.
    """
    names = names_in(channels)
    text = request.query.get("channelsTimetoken") or request.query.get("timetoken", "")
    tokens = [whole_number("timetoken", token) for token in text.split(",")]
    if len(tokens) == 1:
        tokens *= len(names)
    if len(tokens) != len(names):
        raise Refused(bad_request("channelsTimetoken: expected one timetoken, or one for each channel"))
    return _done(channels={n: keyset.history.count(n, after=token) for n, token in zip(names, tokens, strict=True)})


def delete(keyset: Keyset, request: Request, channel: str) -> Response:
    """Delete a channel's messages above ``start`` and up to ``end``; without bounds, all."""
    keyset.history.delete(channel, after=request.integer("start"), until=request.integer("end"))
    return _done()


def _limit(asked: int | None, most: int) -> int:
    return asked if asked is not None and 0 < asked <= most else most


def _done(**more: Any) -> Response:
    return json_response({"status": 200, "error": False, "error_message": "", **more})
