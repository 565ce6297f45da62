"""Many writes at once, of lists and of progress: each is judged by itself, and they are answered in their order."""

import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from actors.messages.journal import DeviceWrite, Outcome, Status
from tests.daemon import FILM, bearer
from tests.transport.http.conftest import Connect
from tests.transport.http.lone_api import api_deps
from tests.transport.http.routes.test_writes import OPERATIONS, VALID, integration, post

PLAYED = {"collection": "progress", "operation": "update", "content_id": FILM, "position_seconds": 90}


@integration
async def test_one_bad_operation_leaves_the_rest_of_a_bulk_alone(
    api: aiohttp.ClientSession, way: str, user: str
) -> None:
    contents = [str(uuid4()) for _ in range(3)]
    far_ahead = {"physical": 4_000_000_000_000, "logical": 0, "node": "phone"}
    operations = [
        {"operation": "add", "content_id": contents[0], "tag": "phone-1:1"},
        {"operation": "add", "content_id": "123"},
        {"operation": "add", "content_id": contents[1], "timestamp": far_ahead},
        {"operation": "remove", "content_id": contents[2]},
        {"operation": "remove", "content_id": contents[0]},
        {"operation": "add", "content_id": contents[0]},
        {"operation": "add", "content_id": contents[0]},
    ]
    status, answer = await post(api, OPERATIONS + way, {"operations": operations}, bearer(user))
    assert status == 200
    assert [result["status"] for result in answer["results"]] == [
        "added", "refused", "refused", "not_found", "removed", "added", "existing",
    ]  # fmt: skip
    assert answer["results"][1]["detail"].startswith("content_id: must be a UUID")
    assert "timestamp" in answer["results"][2]["detail"]
    status, problem = await post(api, OPERATIONS + way, {"operations": [VALID] * 501})
    assert status == 400
    assert "$.operations" in problem["detail"]


@integration
@pytest.mark.parametrize("other", ["7", "null", '["collection"]', '"{}"'])
async def test_a_bulk_of_anything_but_objects_is_refused_as_a_whole(
    api: aiohttp.ClientSession, way: str, user: str, other: str
) -> None:
    body = f'{{"operations": [{json.dumps(VALID)}, {other}]}}'
    async with api.post(OPERATIONS + way, data=body, headers=bearer(user)) as response:
        assert response.status == 400
        assert (await response.json(content_type=None))["detail"].endswith("Expected `object` - at `$.operations[1]`.")
    status, answer = await post(api, OPERATIONS + way, {"operations": [{}, VALID]}, bearer(user))
    assert [result["status"] for result in answer["results"]] == ["refused", "added"]
    assert (status, answer["results"][1]["revision"]) == (200, 1)  # nothing of the other one was written


@integration
async def test_a_bulk_may_be_of_several_lists_each_judged_by_its_own_bounds_and_answered_in_order(
    api: aiohttp.ClientSession, way: str, user: str
) -> None:
    operations = [
        VALID | {"list": "kids"},
        VALID,
        {"operation": "remove", "content_id": FILM, "list": "later"},
        VALID | {"list": "kids", "position": "a0"},
        VALID | {"list": "no such name"},
        VALID | {"list": "kids", "data": {"n": "x" * 1024}},
        *(VALID | {"list": f"l{number}"} for number in range(100)),
    ]
    _, answer = await post(api, OPERATIONS + way, {"operations": operations}, bearer(user))
    results = answer["results"]
    assert [(result["status"], result.get("revision")) for result in results[:6]] == [
        ("added", 1), ("added", 1), ("not_found", None), ("existing", 2), ("refused", None), ("refused", None),
    ]  # fmt: skip
    assert results[4]["detail"].startswith("list: must be 1 to 64 of A-Z")
    assert results[5]["detail"].startswith("data: has 1032 bytes")
    assert [result["status"] for result in results[6:]] == ["added"] * 99 + ["refused"]
    assert (results[-1]["code"], results[-1]["field"]) == ("quota_exceeded", "list")
    async with api.get("/api/v1/sync/lists/kids", headers=bearer(user)) as response:
        (item,) = (await response.json())["items"]
    assert (item["content_id"], item["position"]) == (FILM, "a0")


@integration
async def test_a_bulk_may_be_of_progress_too(api: aiohttp.ClientSession, way: str, user: str) -> None:
    def stamp(second: int) -> dict[str, Any]:
        return {"timestamp": {"physical": 1_790_000_000_000 + 1000 * second, "logical": 0, "node": "phone"}}

    operations = [
        PLAYED | stamp(5),
        VALID | {"data": {'"collection"': 1, "collection": "no"}},
        PLAYED | {"content_id": FILM.upper(), "position_seconds": 80} | stamp(4),
        PLAYED | {"position_seconds": -1},
        PLAYED | {"collection": "watched"},
        {"collection": "progress", "operation": "remove", "content_id": FILM} | stamp(6),
        {"collection": "progress", "operation": "remove", "content_id": FILM} | stamp(7),
        PLAYED | stamp(2**30),
    ]
    _, answer = await post(api, OPERATIONS + way, {"operations": operations}, bearer(user))
    results = answer["results"]
    assert results[0] == {
        "success": True, "operation": "update", "collection": "progress", "content_id": FILM, "status": "updated",
        "revision": 1, **stamp(5),
    }  # fmt: skip
    assert results[1]["status"] == "added"
    assert results[2] == results[0] | {"status": "superseded"}
    assert "$.position_seconds" in results[3]["detail"]
    assert [(result["status"], result.get("revision")) for result in results[3:]] == [
        ("refused", None), ("refused", None), ("removed", 2), ("not_found", 3), ("refused", None),
    ]  # fmt: skip
    assert (results[7]["collection"], results[7]["detail"].partition(":")[0]) == ("progress", "timestamp")


@integration
@pytest.mark.parametrize("collection", ["watchlist", "list:kids", "", None, 1, ["progress"]])
async def test_what_is_no_collection_of_a_bulk_is_told_which_there_are(
    api: aiohttp.ClientSession, way: str, user: str, collection: object
) -> None:
    operations = [VALID | {"collection": collection}, VALID]
    _, answer = await post(api, OPERATIONS + way, {"operations": operations}, bearer(user))
    refused, taken = answer["results"]
    assert (refused["status"], refused["field"], taken["status"]) == ("refused", "collection", "added")
    assert refused["detail"].startswith("collection: must be progress or devices;")


@integration
async def test_a_collection_is_found_however_its_name_is_spelled(
    api: aiohttp.ClientSession, way: str, user: str
) -> None:
    await post(api, OPERATIONS + way, {"operations": [VALID]}, bearer(user))
    removal = json.dumps(PLAYED | {"operation": "remove", "content_id": VALID["content_id"]})
    body = '{"operations": [' + removal.replace("collection", r"collec\u0074ion") + "]}"
    async with api.post(OPERATIONS + way, data=body, headers=bearer(user)) as response:
        (result,) = (await response.json())["results"]
    assert (result["collection"], result["status"]) == ("progress", "not_found")  # and it stays in the watchlist


@integration
async def test_a_bulk_may_name_devices_too(api: aiohttp.ClientSession, way: str, user: str) -> None:
    stamp = {"timestamp": {"physical": 1_790_000_000_000, "logical": 0, "node": "phone"}}
    own = {"collection": "devices", "operation": "update", "device_id": "phone", "device_name": "My phone"}
    operations = [
        own | stamp,
        own | {"device_id": "tv"},
        own | {"device_name": ""},
        {"collection": "devices", "operation": "remove", "device_id": "phone"},
    ]
    _, answer = await post(api, OPERATIONS + way, {"operations": operations}, bearer(user, "phone"))
    results = answer["results"]
    assert results[0] == {
        "success": True, "operation": "update", "collection": "devices", "device_id": "phone", "status": "updated",
        "revision": 1, **stamp,
    }  # fmt: skip
    assert [(result["status"], result.get("revision")) for result in results[1:]] == [
        ("not_found", None), ("refused", None), ("removed", 2),
    ]  # fmt: skip
    assert results[2]["detail"].startswith("device_name: must be a text of 1 to 128 characters")


async def test_a_bulk_of_which_the_database_accepted_only_a_part_is_to_be_repeated(connect: Connect, way: str) -> None:
    outcomes = [Outcome(status=Status.REMOVED), Outcome(status=Status.REFUSED, reason="it is away", retry_after_s=2.0)]

    def write(write: DeviceWrite) -> None:
        assert write.answer is not None
        write.answer(outcomes.pop(0))

    api = await connect(api_deps(write=write))
    response = await api.post(OPERATIONS + way, json={"operations": [VALID, VALID]}, headers=bearer())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "it is away" in response.json()["detail"]
