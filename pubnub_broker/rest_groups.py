"""Channel registration: which channels a group holds, as PubNub answers it."""

from typing import Any

from pubnub_broker.exchange import Refused, Request, Response, bad_request, json_response
from pubnub_broker.keyset import Keyset


def change_or_list(keyset: Keyset, request: Request, group: str) -> Response:
    """Add channels to ``group``, remove some, or list them, as the query says.

    Raises:
        Refused: a wildcard cannot be in a group.
    """
    added, removed = _channels(request, "add"), _channels(request, "remove")
    for channel in added:
        if "*" in channel:
            raise Refused(bad_request(f"add: the wildcard {channel!r} cannot be in a channel group"))
    keyset.groups.add(group, added)
    keyset.groups.remove(group, removed)
    if added or removed:
        return _done()
    return _done(payload={"channels": keyset.groups.channels(group), "group": group})


def drop(keyset: Keyset, group: str) -> Response:
    """Remove ``group`` with all its channels."""
    keyset.groups.remove(group, keyset.groups.channels(group))
    return _done()


def _channels(request: Request, name: str) -> list[str]:
    return [channel for channel in request.query.get(name, "").split(",") if channel]


def _done(**more: Any) -> Response:
    return json_response({"status": 200, "message": "OK", "service": "channel-registry", "error": False, **more})
