"""Which request is which: PubNub's paths, the keys they carry, the faults that strike them, and the fault switches."""

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from urllib.parse import unquote

import msgspec

from pubnub_broker import rest_groups, rest_history, rest_presence, rest_pubsub
from pubnub_broker.channels import SIGNAL
from pubnub_broker.exchange import (
    ACCESS_MANAGER,
    Refused,
    Request,
    Response,
    access_denied,
    bad_request,
    error,
    json_response,
    names_in,
    not_sent,
)
from pubnub_broker.faults import Fault, FaultRules, Faults, Scope
from pubnub_broker.http import Reply
from pubnub_broker.keyset import Keyset
from pubnub_broker.timetokens import Timetokens

FAULTS_PATH = ["_broker", "faults"]
"""The admin endpoint: GET shows the rules, PUT replaces them all, DELETE clears them."""


class Rest:
    """Answers requests from what the broker holds in memory. Thread: the event loop."""

    def __init__(self, *, hold_s: float, publish_key: str | None = None, subscribe_key: str | None = None) -> None:
        self.faults = Faults()
        self.faults.watch(self._release_polls)
        self._hold_s = hold_s
        self._publish_key = publish_key
        self._subscribe_key = subscribe_key
        self._timetokens = Timetokens()
        self._keysets: dict[str, Keyset] = {}

    def answer(self, request: Request) -> Reply:
        """Answer ``request`` now or later."""
        if request.segments == FAULTS_PATH:
            return msgspec.structs.replace(self._answer_admin(request), is_public=False)
        if request.method == "OPTIONS":  # a browser asks before it posts
            return json_response(())
        fault = self.faults.strike(_scope(request))
        return self._misbehave(request, fault) if fault else self._behave(request)

    def _behave(self, request: Request) -> Response | Coroutine[None, None, Response]:
        try:
            return self._route(request)
        except Refused as refused:
            return refused.response

    async def _misbehave(self, request: Request, fault: Fault) -> Response | None:
        await asyncio.sleep(fault.delay_ms / 1000)
        match fault.answer:
            case "refuse":
                return None
            case "hang":
                await self.faults.change()
                return None
            case 403:
                return access_denied(_channels(request))
            case 429 | 500 as status:
                return error(status, HTTPStatus(status).phrase, "Broker")
        reply = self._behave(request)
        response = reply if isinstance(reply, Response) else await reply
        return msgspec.structs.replace(response, is_truncated=fault.answer == "truncate")

    def _route(self, request: Request) -> Response | Coroutine[None, None, Response]:
        match (request.method, *request.segments):
            case ("GET", "publish", publish_key, key, _, channel, _, message):
                return rest_pubsub.send(self._publishing(publish_key, key), request, channel, message)
            case ("POST", "publish", publish_key, key, _, channel, _):
                return rest_pubsub.send(self._publishing(publish_key, key), request, channel, None)
            case ("GET", "signal", publish_key, key, _, channel, _, message):
                return rest_pubsub.send(self._publishing(publish_key, key), request, channel, message, SIGNAL)
            case ("GET", "v2", "subscribe", key, channels, _):
                return rest_pubsub.subscribe(self._keyset(key), self.faults, request, channels, self._hold_s)
            case ("GET", "time", _):
                return json_response([self._timetokens.mint()])
            case ("GET", "v1", "channel-registration", "sub-key", key, "channel-group", group):
                return rest_groups.change_or_list(self._keyset(key), request, unquote(group))
            case ("GET", "v1", "channel-registration", "sub-key", key, "channel-group", group, "remove"):
                return rest_groups.drop(self._keyset(key), unquote(group))
            case ("GET", "v2", "presence", "sub-key", key, *rest):
                return _route_presence(self._keyset(key), request, rest)
            case (_, "v2" | "v3", "history" | "history-with-actions", "sub-key", key, *_):
                return _route_history(self._keyset(key), request)
            case _:
                return _NOT_FOUND

    def _publishing(self, publish_key: str, subscribe_key: str) -> Keyset:
        if self._publish_key not in (None, publish_key) or self._subscribe_key not in (None, subscribe_key):
            raise Refused(not_sent("Invalid Key", self._timetokens.mint()))
        return self._keyset(subscribe_key)

    def _keyset(self, subscribe_key: str) -> Keyset:
        if self._subscribe_key not in (None, subscribe_key):
            raise Refused(error(400, "Invalid Subscribe Key", ACCESS_MANAGER))
        if subscribe_key not in self._keysets:
            self._keysets[subscribe_key] = Keyset(subscribe_key, self._timetokens)
        return self._keysets[subscribe_key]

    def _release_polls(self) -> None:
        for keyset in self._keysets.values():
            keyset.channels.release()

    def _answer_admin(self, request: Request) -> Response:
        match request.method:
            case "GET":
                return json_response(self.faults.rules)
            case "PUT":
                try:
                    self.faults.set(_RULES.decode(request.body))
                except ValueError as failure:
                    return bad_request(str(failure))
                return json_response(self.faults.rules)
            case "DELETE":
                self.faults.clear()
                return json_response(self.faults.rules)
            case _:
                return error(405, "the fault switches take GET, PUT and DELETE", "Broker")


def _route_presence(keyset: Keyset, request: Request, rest: list[str]) -> Response:
    match rest:
        case ["channel", channels, "heartbeat"]:
            return rest_presence.heartbeat(keyset, request, channels)
        case ["channel", channels, "leave"]:
            return rest_presence.leave(keyset, request, channels)
        case ["channel", channels, "uuid", uuid, "data"]:
            return rest_presence.set_state(keyset, request, channels, unquote(uuid))
        case ["channel", channels, "uuid", uuid]:
            return rest_presence.get_state(keyset, request, channels, unquote(uuid))
        case ["channel", channels]:
            return rest_presence.here_now(keyset, request, channels)
        case []:
            return rest_presence.here_now(keyset, request, None)
        case ["uuid", uuid]:
            return rest_presence.where_now(keyset, unquote(uuid))
        case _:
            return _NOT_FOUND


def _route_history(keyset: Keyset, request: Request) -> Response:
    version, kind, _, _, *rest = request.segments
    match (request.method, version, kind, *rest):
        case ("GET", "v2", "history", "channel", channel):
            return rest_history.history(keyset, request, unquote(channel))
        case ("GET", "v3", "history", "message-counts", channels):
            return rest_history.count(keyset, request, channels)
        case ("GET", "v3", "history", "channel", channels):
            return rest_history.fetch(keyset, request, channels, rest_history.MAX_MESSAGES)
        case ("GET", "v3", "history-with-actions", "channel", channels):
            return rest_history.fetch(keyset, request, channels, rest_history.MAX_MESSAGES_OF_SEVERAL)
        case ("DELETE", "v3", "history", "channel", channel):
            return rest_history.delete(keyset, request, unquote(channel))
        case _:
            return _NOT_FOUND


def _scope(request: Request) -> Scope:
    match request.segments:
        case ["publish" | "signal", *_]:
            return "publish"
        case ["v2", "subscribe", *_]:
            return "subscribe"
        case _:
            return "all"


def _channels(request: Request) -> list[str]:
    """Return the channels of a publish, signal or subscribe, which its refusal names."""
    match request.segments:
        case ["publish" | "signal", _, _, _, channels, *_] | ["v2", "subscribe", _, channels, *_]:
            return names_in(channels)
        case _:
            return []


_NOT_FOUND = error(404, "this development broker has no such resource", "Broker")
_RULES = msgspec.json.Decoder(FaultRules)
