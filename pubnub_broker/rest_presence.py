"""Heartbeat, leave, here-now, where-now and state, as PubNub answers them."""

from typing import Any

import msgspec
from msgspec import Raw

from pubnub_broker.exchange import Refused, Request, Response, bad_request, json_response
from pubnub_broker.keyset import Keyset
from pubnub_broker.names import PRESENCE_SUFFIX, Name

PRESENCE_TIMEOUT_S = 300
MAX_OCCUPANTS = 1_000

_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def keep_present(keyset: Keyset, request: Request, names: list[Name]) -> None:
    """Note that a client which polls or sends a heartbeat is present, and store the states it sends by channel.

    Raises:
        Refused: its time-out or states are not valid.
    """
    timeout_s = request.integer("heartbeat") or PRESENCE_TIMEOUT_S
    states = _object("state", request.query.get("state") or "{}")
    if request.uuid is None:
        return
    keyset.touch((name for name in names if not name.text.endswith(PRESENCE_SUFFIX)), request.uuid, timeout_s)
    for channel, state in states.items():
        if bytes(state) != bytes(keyset.presence.state(channel, request.uuid)):
            keyset.set_state(channel, request.uuid, state)


def heartbeat(keyset: Keyset, request: Request, channels: str) -> Response:
    """Stay present without a poll."""
    keep_present(keyset, request, request.names(channels))
    return _done()


def leave(keyset: Keyset, request: Request, channels: str) -> Response:
    """Be gone from these names at once."""
    if request.uuid is not None:
        keyset.leave(request.names(channels), request.uuid)
    return _done(action="leave")


def here_now(keyset: Keyset, request: Request, channels: str | None) -> Response:
    """Tell who is on these channels, or on any channel when none is named."""
    keyset.expire()
    asked = request.names(channels or "")
    if len(asked) == 1 and not asked[0].is_group:
        return _done(**_occupancy(keyset, request, asked[0].text))
    here = {
        channel: occupancy
        for channel in keyset.channels_of(asked or keyset.presence.occupied())
        if (occupancy := _occupancy(keyset, request, channel))["occupancy"]
    }
    total = sum(occupancy["occupancy"] for occupancy in here.values())
    return _done(payload={"channels": here, "total_channels": len(here), "total_occupancy": total})


def _occupancy(keyset: Keyset, request: Request, channel: str) -> dict[str, Any]:
    uuids = keyset.occupants(channel)
    occupancy: dict[str, Any] = {"occupancy": len(uuids)}
    if request.is_set("disable_uuids"):
        return occupancy
    first = request.integer("offset") or 0
    limit = request.integer("limit")
    page = uuids[first : first + min(MAX_OCCUPANTS if limit is None else limit, MAX_OCCUPANTS)]
    if request.is_set("state"):
        return {"uuids": [{"uuid": u, "state": keyset.presence.state(channel, u)} for u in page], **occupancy}
    return {"uuids": page, **occupancy}


def where_now(keyset: Keyset, uuid: str) -> Response:
    """Tell which channels ``uuid`` is on."""
    keyset.expire()
    return _done(payload={"channels": keyset.channels_of(keyset.presence.names_of(uuid))})


def set_state(keyset: Keyset, request: Request, channels: str, uuid: str) -> Response:
    """Remember what ``uuid`` says of itself on these channels.

    Raises:
        Refused: it is not a JSON object.
    """
    text = request.query.get("state", "")
    _object("state", text)
    state = Raw(text.encode())
    for channel in keyset.channels_of(request.names(channels)):
        keyset.set_state(channel, uuid, state)
    return _done(payload=state)


def get_state(keyset: Keyset, request: Request, channels: str, uuid: str) -> Response:
    """Tell what ``uuid`` said of itself: of one channel, or by channel."""
    asked = request.names(channels)
    if len(asked) == 1 and not asked[0].is_group:
        channel = asked[0].text
        return _done(uuid=uuid, channel=channel, payload=keyset.presence.state(channel, uuid))
    states = {channel: keyset.presence.state(channel, uuid) for channel in keyset.channels_of(asked)}
    return _done(uuid=uuid, payload={"channels": states})


def _object(name: str, text: str) -> dict[str, Raw]:
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError as failure:
        raise Refused(bad_request(f"{name}: {failure}")) from None


def _done(**more: Any) -> Response:
    return json_response({"status": 200, "message": "OK", "service": "Presence", **more})
