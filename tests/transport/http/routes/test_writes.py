"""Writes: a wrong one is refused by the name of its field, a bulk is judged one by one, an answer has a deadline."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from actors.messages.change import Change
from actors.messages.journal import DeviceWrite, Outcome, Status
from tests.contents import SPELLED, SPELLINGS
from tests.daemon import FILM, WATCHLIST, bearer
from tests.transport.http.conftest import Connect
from tests.transport.http.lone_api import api_deps, client
from transport.access.limits import Limits
from transport.http.api import http_api

integration = pytest.mark.integration

OPERATIONS = "/api/v1/sync/operations"
VALID = {"operation": "add", "content_id": FILM}


async def post(
    api: aiohttp.ClientSession, path: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with api.post(path, data=data, headers=bearer() if headers is None else headers) as response:
        assert response.content_type == ("application/json" if response.ok else "application/problem+json")
        return response.status, await response.json(content_type=None)


@integration
@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "truncated"),
        (b"{not json", "malformed"),
        (b"\xff\xfe", ""),
        ([], "object"),
        ({}, "operation"),
        ({"operation": "add"}, "content_id"),
        (VALID | {"operation": "toggle"}, "$.operation"),
        (VALID | {"operation": 1}, "$.operation"),
        (VALID | {"content_id": "123"}, "content_id: must be a UUID"),
        (VALID | {"content_id": None}, "content_id: must be a UUID"),
        (VALID | {"observed": -1}, "$.observed"),
        (VALID | {"observed": 1 << 63}, "$.observed"),
        (VALID | {"observed": "now"}, "$.observed"),
        (VALID | {"operation_id": ""}, "operation_id: must be "),
        (VALID | {"tag": "x" * 129}, "tag: must be "),
        (VALID | {"timestamp": {"physical": -1, "logical": 0, "node": "n"}}, "$.timestamp.physical"),
        (VALID | {"timestamp": {"physical": 1, "logical": 65536, "node": "n"}}, "$.timestamp.logical"),
        (VALID | {"timestamp": {"physical": 4_000_000_000_000, "logical": 0, "node": "n"}}, "timestamp"),
        (VALID | {"tag": "syncd:99"}, "tag"),
    ],
)
async def test_a_malformed_write_is_400_and_names_the_field(
    api: aiohttp.ClientSession, way: str, body: Any, named: str
) -> None:
    status, problem = await post(api, WATCHLIST + way, body)
    assert status == 400
    assert problem["status"] == 400
    assert named in problem["detail"]


@integration
async def test_a_content_may_be_spelled_as_people_do_and_is_answered_in_its_one_spelling(
    api: aiohttp.ClientSession, way: str, user: str
) -> None:
    operations = [{"operation": "add", "content_id": spelling} for spelling in SPELLINGS]
    for operation in operations:
        status, answer = await post(api, WATCHLIST + way, operation, bearer(user))
        assert (status, answer["content_id"]) == (200, SPELLED)
    _, bulk = await post(api, OPERATIONS + way, {"operations": operations}, bearer(user))
    assert [(result["status"], result["content_id"]) for result in bulk["results"]] == (
        [("existing", SPELLED)] * len(SPELLINGS)
    )


@integration
@pytest.mark.parametrize("field", ["operation_id", "tag"])
@pytest.mark.parametrize("name", ["a\x00b", "a\n", "\x7f", "a\x85b"])
async def test_control_characters_in_names_are_refused_by_name(
    api: aiohttp.ClientSession, way: str, user: str, field: str, name: str
) -> None:
    async with api.post(WATCHLIST + way, json=VALID | {field: name}, headers=bearer(user)) as response:
        assert response.status == 400
        assert f"{field}: must be " in (await response.json(content_type=None))["detail"]


@integration
async def test_names_of_any_script_are_accepted(api: aiohttp.ClientSession, way: str, user: str) -> None:
    name = f"Wohnzimmer-Fernseher ё 電視 🎬 {uuid4()}"
    async with api.post(WATCHLIST + way, json=VALID | {"operation_id": name}, headers=bearer(user)) as response:
        assert response.status == 200


@integration
@pytest.mark.parametrize("number", [12, -1.5, 1764000000.25, 1 << 63, 1 << 70])
async def test_a_bare_number_as_timestamp_is_ignored_whatever_it_is(
    api: aiohttp.ClientSession, way: str, user: str, number: float
) -> None:
    played = {"content_id": FILM, "position_seconds": 1, "timestamp": number}
    bulk = {"operations": [VALID | {"timestamp": number}, played | {"collection": "progress"}]}
    assert (await post(api, WATCHLIST + way, VALID | {"timestamp": number}, bearer(user)))[0] == 200
    status, answer = await post(api, "/api/v1/sync/progress" + way, played, bearer(user))
    assert (status, answer["status"]) == (200, "updated")
    assert answer["timestamp"]["physical"] > 1_700_000_000_000
    _, answers = await post(api, OPERATIONS + way, bulk, bearer(user))
    assert [result["status"] for result in answers["results"]] == ["existing", "updated"]


@integration
async def test_a_body_nested_deeper_than_the_parser_goes_is_400(
    api: aiohttp.ClientSession, way: str, user: str
) -> None:
    nested = b'{"operation":"add","timestamp":' + b"[" * 8000
    for path, body in ((WATCHLIST, nested), (OPERATIONS, b'{"operations":' + b"[" * 8000)):
        async with api.post(path + way, data=body, headers=bearer(user)) as response:
            assert response.status == 400


@pytest.mark.parametrize(
    ("outcome", "status", "detail"),
    [
        (Outcome(status=Status.NOT_FOUND), 404, f"content_id: {FILM} is not in the watchlist."),
        (Outcome(status=Status.REFUSED, reason="No."), 400, "No."),
        (Outcome(status=Status.REFUSED), 400, "The write was refused."),
        (Outcome(status=Status.REFUSED, reason="It is away.", retry_after_s=2.0), 503, "It is away."),
        (Outcome(status=Status.REFUSED, retry_after_s=2.0), 503, "The write was not accepted."),
    ],
)
async def test_a_write_that_came_to_nothing_is_told_why(
    connect: Connect, way: str, outcome: Outcome, status: int, detail: str
) -> None:
    def write(write: DeviceWrite) -> None:
        assert write.answer is not None
        write.answer(outcome)

    api = await connect(api_deps(write=write))
    response = await api.post(WATCHLIST + way, json=VALID, headers=bearer())
    assert (response.status_code, response.json()["detail"]) == (status, detail)
    assert response.headers.get("Retry-After") == ("2" if status == 503 else None)


async def test_what_is_written_says_who_wrote_it_what_and_where(connect: Connect, way: str) -> None:
    written: list[DeviceWrite] = []

    def write(write: DeviceWrite) -> None:
        written.append(write)
        assert write.answer is not None
        write.answer(Outcome(status=Status.EXISTING))

    api = await connect(api_deps(write=write))
    response = await api.post(WATCHLIST + way, json=VALID | {"operation_id": "once"}, headers=bearer("ann", "tv"))
    assert response.json() == {"success": True, "operation": "add", "content_id": FILM, "status": "existing"}
    (told,) = written
    assert isinstance(told.change, Change)
    assert (told.user_id, told.device_id) == ("ann", "tv")
    assert (told.change.content_id, told.change.operation_id) == (FILM, "once")


@pytest.mark.parametrize(("path", "body"), [(WATCHLIST, VALID), (OPERATIONS, {"operations": [VALID]})])
async def test_a_write_that_is_not_answered_in_time_may_be_repeated_and_its_answer_comes_to_nothing(
    connect: Connect, way: str, path: str, body: Any
) -> None:
    written: list[DeviceWrite] = []
    api = await connect(api_deps(write=written.append, answer_timeout_s=0.01))
    response = await api.post(path + way, json=body, headers=bearer())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    (late,) = written
    assert late.answer is not None
    late.answer(Outcome(status=Status.EXISTING))


@pytest.mark.parametrize(
    ("path", "body", "left"),
    [
        (WATCHLIST, VALID, 0),
        (OPERATIONS, {"operations": [VALID]}, 0),
        (OPERATIONS, {"operations": [VALID] * 3}, 2),  # each counts
        ("/api/v1/sync/progress", {"operation": "update", "content_id": FILM, "position_seconds": 1}, 0),
        ("/api/v1/sync/lists/holiday", VALID, 0),
    ],
)
async def test_a_write_beyond_the_limit_is_not_told_to_anybody(
    connect: Connect, way: str, path: str, body: Any, left: int
) -> None:
    written: list[DeviceWrite] = []
    limits = Limits(messages_per_second=0.001, message_burst=5)
    deps = api_deps(write=written.append, limits=limits)
    deps.quotas.acquire_messages("ann", 5 - left, time.monotonic())
    api = await connect(deps)
    response = await api.post(path + way, json=body, headers=bearer())
    assert (response.status_code, written) == (429, [])


async def test_the_answer_to_a_request_that_was_cancelled_disturbs_nobody() -> None:
    written: list[DeviceWrite] = []
    async with client(http_api(api_deps(write=written.append)).app) as api:
        asking = asyncio.create_task(api.post(WATCHLIST, json=VALID, headers=bearer()))
        while not written:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    (write,) = written
    assert write.answer is not None
    write.answer(Outcome(status=Status.EXISTING))  # in the turn of the actor that decides


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/sync/lists/kids"),
        ("DELETE", "/api/v1/sync/lists/kids"),
        ("PUT", "/api/v1/devices/tv"),
        ("DELETE", "/api/v1/devices/tv"),
        ("POST", "/api/v1/devices/commands"),
        ("POST", "/api/v1/devices/handoff"),
    ],
)
async def test_what_else_changes_something_counts_as_a_write(connect: Connect, method: str, path: str) -> None:
    told: list[Any] = []
    limits = Limits(messages_per_second=0.001, message_burst=1)
    deps = api_deps(write=told.append, journal=told.append, send_command=told.append, limits=limits)
    deps.quotas.acquire_messages("ann", 1, time.monotonic())
    api = await connect(deps)
    response = await api.request(method, path, headers=bearer())
    assert (response.status_code, told) == (429, [])
