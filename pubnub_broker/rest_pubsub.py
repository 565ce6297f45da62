"""Publish, signal and subscribe v2, as PubNub answers them."""

import asyncio
import zlib
from collections.abc import Coroutine
from urllib.parse import unquote, unquote_to_bytes

from msgspec import UNSET, Raw, Struct, UnsetType

from pubnub_broker.channels import SIGNAL, Delivery
from pubnub_broker.exchange import (
    Refused,
    Request,
    Response,
    bad_request,
    error,
    json_response,
    not_sent,
    valid_json,
)
from pubnub_broker.faults import Faults
from pubnub_broker.keyset import Keyset
from pubnub_broker.names import PRESENCE_SUFFIX, Name, is_valid
from pubnub_broker.rest_presence import keep_present

MAX_MESSAGE_BYTES = 32 * 1024
"""Channel and message together, as they are encoded in the request."""
BUFFERED_S = 20 * 60
"""A message older than this reaches no subscriber."""
REORDER_WAIT_S = 0.05
"""How long a poll waits for something to reorder while that switch is on."""
REGION = 1


def send(keyset: Keyset, request: Request, channel: str, message: str | None, kind: int | None = None) -> Response:
    """Publish or signal the message of the path, or of the body when the path has none.

    Raises:
        Refused: it cannot be sent.
    """
    text = _unpacked(request) if message is None else unquote_to_bytes(message)
    name = unquote(channel)
    payload = valid_json(text)
    if len(channel) + len(text if message is None else message) > MAX_MESSAGE_BYTES:
        raise _not_sent("Message Too Large", keyset)
    if "*" in name or "," in name or not name:
        raise _not_sent("Invalid Channel", keyset)
    if payload is None:
        raise _not_sent("Invalid JSON", keyset)
    is_stored = kind != SIGNAL and request.query.get("store") != "0"
    is_fire = request.query.get("store") == "0" and request.is_set("norep")
    timetoken = keyset.publish(
        name,
        payload,
        is_stored=is_stored,
        is_delivered=not is_fire,
        publisher=request.uuid,
        kind=kind,
        meta=valid_json(request.query.get("meta", "").encode()),
        custom_type=request.query.get("custom_message_type"),
    )
    return json_response((1, "Sent", request.query.get("ptto") or str(timetoken)))


def _unpacked(request: Request) -> bytes:
    """Return the body. Python's SDK says gzip and sends zlib, JavaScript's says deflate: the data itself decides."""
    if request.headers.get(b"content-encoding") not in (b"gzip", b"deflate"):
        return request.body
    try:
        return zlib.decompressobj(wbits=47).decompress(request.body, MAX_MESSAGE_BYTES + 1)
    except zlib.error:
        raise Refused(bad_request("body: neither gzip nor zlib")) from None


def _not_sent(reason: str, keyset: Keyset) -> Refused:
    return Refused(not_sent(reason, keyset.timetokens.mint()))


def subscribe(
    keyset: Keyset, faults: Faults, request: Request, channels: str, hold_s: float
) -> Response | Coroutine[None, None, Response]:
    """Answer a long poll: at once without a cursor, else when there is news or after ``hold_s``.

    Raises:
        Refused: the names or the cursor are not valid, or it is more than this broker can do.
    """
    if request.query.get("filter-expr"):  # delivering everything instead would look like a filter that works
        raise Refused(bad_request("filter-expr: this development broker has no filter expressions"))
    names = request.names(channels)
    _check(names, keyset)
    cursor = request.integer("tt")
    now = keyset.timetokens.mint()  # before its own join, of which a client is told
    keep_present(keyset, request, names)
    if not cursor:
        return _news(keyset, [], now)
    return _poll(keyset, faults, frozenset(names), cursor, hold_s)


def _check(names: list[Name], keyset: Keyset) -> None:
    if not names:
        raise Refused(bad_request("no channels and no channel groups"))
    for name in names:
        if not is_valid(name.text):
            raise Refused(bad_request(f"{name.text!r} is neither a channel nor a wildcard such as 'a.*' or 'a.b.*'"))
    if all(name.is_group for name in names) and not keyset.channels_of(names):
        groups = [name.text for name in names]
        message = "Channel group or groups result in empty subscription set"
        raise Refused(error(400, message, "Channel Registry", {"channel-groups": groups}))


async def _poll(keyset: Keyset, faults: Faults, names: frozenset[Name], cursor: int, hold_s: float) -> Response:
    deadline_s = asyncio.get_running_loop().time() + hold_s
    rules = faults.rules
    cursor = max(cursor, keyset.timetokens.last - BUFFERED_S * 10_000_000)
    try:
        async with asyncio.timeout_at(deadline_s):
            while faults.rules is rules:
                if rules.reorder:
                    await asyncio.sleep(REORDER_WAIT_S)
                if found := keyset.channels.after(cursor, names, rules.queue_limit):
                    cursor = found[-1].message.timetoken
                    if arriving := faults.disturb(found):
                        return _news(keyset, arriving, cursor)
                else:
                    cursor = max(cursor, keyset.timetokens.last)
                    await keyset.channels.arrival(names)
    except TimeoutError:
        pass
    return _news(keyset, [], cursor)


class _Position(Struct):
    t: str
    r: int


class _Envelope(Struct):
    """A message as subscribers receive it; the names and their order are PubNub's."""

    a: str
    f: int
    i: str | UnsetType
    s: int | UnsetType
    p: _Position
    k: str
    c: str
    d: Raw
    b: str | UnsetType
    u: Raw | UnsetType
    e: int | UnsetType
    cmt: str | UnsetType


class _News(Struct):
    t: _Position
    m: list[_Envelope]


def _news(keyset: Keyset, deliveries: list[Delivery], cursor: int) -> Response:
    envelopes = [_envelope(delivery, keyset.subscribe_key) for delivery in deliveries]
    return json_response(_News(_Position(str(cursor), REGION), envelopes))


def _envelope(delivery: Delivery, subscribe_key: str) -> _Envelope:
    message, name = delivery
    is_plain = name.text == message.channel and not name.is_group and not message.channel.endswith(PRESENCE_SUFFIX)
    return _Envelope(
        a="1",
        f=0,
        i=message.publisher or UNSET,
        s=1 if message.publisher else UNSET,
        p=_Position(str(message.timetoken), REGION),
        k=subscribe_key,
        c=message.channel,
        d=message.payload,
        b=UNSET if is_plain else name.text,
        u=message.meta or UNSET,
        e=message.kind or UNSET,
        cmt=message.custom_type or UNSET,
    )
