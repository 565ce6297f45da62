"""Commands and handoffs over HTTP: what the device is told, and what its sender is if that comes to nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.messages.collections import PROGRESS, line_of
from actors.messages.commands import CommandOutcome, SendCommand
from actors.messages.failures import ReadFailed
from actors.messages.registers import ReadRegister, RegisterFound, RegisterUpdate
from actors.messages.sync import DeviceCommand
from crdt.hlc import HLCTimestamp
from tests.daemon import FILM, bearer
from tests.transport.http.lone_api import api_deps, client
from transport.http.api import http_api

COMMANDS = "/api/v1/devices/commands"
HANDOFF = "/api/v1/devices/handoff"

Post = Callable[[str, Any], Awaitable[tuple[int, Any]]]


def posting(played: RegisterFound | ReadFailed | None = None, **replacements: Any) -> Post:
    """``await post(path, body)``: status and answer of an API over stand-ins that answer at once."""

    def journal(read: Any) -> None:
        assert isinstance(read, ReadRegister)
        assert (read.user_id, read.collection, read.key) == ("ann", PROGRESS, FILM)
        read.reply_to(played or RegisterFound(None))

    async def post(path: str, body: Any) -> tuple[int, Any]:
        async with client(http_api(api_deps(journal=journal, **replacements)).app) as http:
            response = await http.post(path, json=body, headers=bearer())
            return response.status_code, response.json()

    return post


def played(position_s: float) -> RegisterUpdate:
    values = {"position": position_s, "state": "paused"}
    line, stamp = line_of("ann", PROGRESS), HLCTimestamp(1, 0, "n")
    return RegisterUpdate(line=line, revision=1, key=FILM, values=values, timestamp=stamp, device_id="tv")


async def test_a_command_reaches_its_device_as_one_of_a_websocket_does() -> None:
    sent: list[SendCommand] = []

    def send(command: SendCommand) -> None:
        sent.append(command)
        command.answer("sent")

    body = {"target_device_id": "tv", "command_type": "seek", "payload": {"position_seconds": 90}}
    answer = {"success": True, "target_device_id": "tv", "command_type": "seek", "status": "sent"}
    assert await posting(send_command=send)(COMMANDS, body) == (200, answer)
    command = DeviceCommand("seek", "tv", payload={"position_seconds": 90}, from_device_id="phone")
    assert [(one.user_id, one.command) for one in sent] == [("ann", command)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"target_device_id": ""}, "target_device_id: must be "),
        ({"command_type": ""}, "$.command_type"),
        ({"command_type": None}, "$.command_type"),
        ({"payload": "x" * 4096}, "payload: must be at most 4096 bytes"),
    ],
)
async def test_what_is_no_command_is_refused_by_the_name_of_its_field(fields: Any, named: str) -> None:
    status, problem = await posting()(COMMANDS, {"target_device_id": "tv", "command_type": "play"} | fields)
    assert (status, named in problem["detail"]) == (400, True), problem


async def test_no_database_no_handoff() -> None:
    body = {"target_device_id": "tv", "content_id": FILM}
    assert (await posting(ReadFailed("away"))(HANDOFF, body))[0] == 503


@pytest.mark.parametrize("position_s", [None, 90.5])
async def test_a_handoff_is_a_command_to_its_device_with_the_position(position_s: float | None) -> None:
    sent: list[SendCommand] = []

    def send(command: SendCommand) -> None:
        sent.append(command)
        command.answer("sent")

    post = posting(RegisterFound(None if position_s is None else played(position_s)), send_command=send)
    body = {"target_device_id": "tv", "content_id": FILM.upper()}
    assert await post(HANDOFF, body) == (
        200,
        {"success": True, "target_device_id": "tv", "content_id": FILM, "position_seconds": position_s},
    )
    command = DeviceCommand(f"handoff:{FILM}", "tv", position_s, from_device_id="phone")
    assert [(one.user_id, one.command) for one in sent] == [("ann", command)]


@pytest.mark.parametrize(
    ("outcome", "status", "code", "why"),
    [
        ("not_found", 404, None, "there is no device tv"),
        ("device_offline", 400, "device_offline", "tv is offline"),
        ("try_again_later", 503, None, "nobody can say where"),
        ("bus_unavailable", 503, None, "which the bus does not reach now"),
        ("not_listening", 503, None, "between two connections"),
        ("too_many", 429, "quota_exceeded", "too many commands"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (HANDOFF, {"target_device_id": "tv", "content_id": FILM}),
        (COMMANDS, {"target_device_id": "tv", "command_type": "play"}),
    ],
)
async def test_what_reaches_nobody_says_why(
    outcome: CommandOutcome, status: int, code: str | None, why: str, path: str, body: Any
) -> None:
    answered, problem = await posting(send_command=lambda send: send.answer(outcome))(path, body)
    assert (answered, problem.get("code"), why in problem["detail"]) == (status, code, True), problem


@pytest.mark.parametrize("content_id", ["tt0111161", 7])
async def test_a_handoff_of_what_is_no_content_is_refused(content_id: Any) -> None:
    body = {"target_device_id": "tv", "content_id": content_id}
    assert (await posting()(HANDOFF, body))[0] == 400
