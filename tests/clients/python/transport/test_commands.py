"""Commands and handoffs: what is asked for, and what becomes of the answer."""

import json

import pytest
from syncd_client import RequestFailedError
from syncd_client.transport import commands
from syncd_client.transport.requests import Answer, Ask

PROBLEM = "application/problem+json"


class Text(str):
    """As parsers of HTML give texts, and frameworks for the web."""

    __slots__ = ()


def asking(asked: list[tuple[str, str, object]], status: int, content_type: str, said: object) -> Ask:
    async def ask(method: str, path: str, body: bytes | None) -> Answer:
        asked.append((method, path, json.loads(body or b"null")))
        return Answer(status, content_type, json.dumps(said).encode())

    return ask


async def test_a_command_names_its_device_and_has_a_payload_if_there_is_one() -> None:
    asked: list[tuple[str, str, object]] = []
    ask = asking(asked, 200, "application/json", {"success": True, "status": "sent"})
    await commands.send(ask, "tv", "play")
    await commands.send(ask, Text("tv"), "seek", {"position_seconds": 90})
    play = {"target_device_id": "tv", "command_type": "play"}
    seek = {"target_device_id": "tv", "command_type": "seek", "payload": {"position_seconds": 90}}
    assert asked == [("POST", "/api/v1/devices/commands", said) for said in (play, seek)]


@pytest.mark.parametrize("position_seconds", [90.5, None])
async def test_a_handoff_tells_from_where(position_seconds: float | None) -> None:
    asked: list[tuple[str, str, object]] = []
    ask = asking(asked, 200, "application/json", {"position_seconds": position_seconds})
    assert await commands.handoff(ask, "tv", "film") == position_seconds
    assert asked == [("POST", "/api/v1/devices/handoff", {"target_device_id": "tv", "content_id": "film"})]


async def test_what_the_service_calls_the_reason_is_told() -> None:
    offline = {"title": "Bad Request", "status": 400, "detail": "tv is connected nowhere", "code": "device_offline"}
    with pytest.raises(RequestFailedError, match="tv is connected nowhere") as raised:
        await commands.send(asking([], 400, PROBLEM, offline), "tv", "play")
    assert (raised.value.status, raised.value.code) == (400, "device_offline")
    with pytest.raises(RequestFailedError, match="answered with status 502") as raised:
        await commands.handoff(asking([], 502, "text/html", ""), "tv", "film")
    assert (raised.value.status, raised.value.code) == (502, None)
    with pytest.raises(RequestFailedError, match="the answer is not the service's"):
        await commands.handoff(asking([], 200, "text/html", ""), "tv", "film")
