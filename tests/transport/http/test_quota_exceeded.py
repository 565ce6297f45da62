"""A user at a bound of the journal: refused by its name on every way in, counted, and nobody else is."""

import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.daemon import FILM, WATCHLIST, DaemonProcess, StartDaemon, bearer

pytestmark = pytest.mark.integration

OTHER = FILM[:-1] + "2"
FULL = "content_id: the list has its 1 items (items_per_list): remove one first"


@pytest.fixture
def daemon(start_daemon: StartDaemon) -> DaemonProcess:
    return start_daemon("--max-items-per-list", "1")


def add(content_id: str, **more: str) -> dict[str, str]:
    return {"operation": "add", "content_id": content_id, **more}


async def post(api: aiohttp.ClientSession, path: str, body: object, user: str = "ann") -> tuple[int, dict[str, Any]]:
    async with api.post(path, json=body, headers=bearer(user)) as response:
        return response.status, await response.json(content_type=None)


async def test_a_full_list_is_409_and_names_the_bound(api: aiohttp.ClientSession, way: str) -> None:
    assert (await post(api, WATCHLIST, add(FILM)))[0] == 200
    status, problem = await post(api, WATCHLIST + way, add(OTHER, operation_id=(name := str(uuid4()))))
    assert (status, problem["status"]) == (409, 409)
    assert (problem["code"], problem["field"], problem["detail"]) == ("quota_exceeded", "content_id", FULL)
    assert (await post(api, WATCHLIST, {"operation": "remove", "content_id": FILM}))[0] == 200
    status, written = await post(api, WATCHLIST + way, add(OTHER, operation_id=name))
    assert (status, written["status"]) == (200, "added")


async def test_in_a_bulk_it_is_a_result_and_the_others_are_taken(api: aiohttp.ClientSession) -> None:
    remove = {"operation": "remove", "content_id": FILM}
    operations = [add(FILM), add(OTHER), remove, add(OTHER)]
    status, answer = await post(api, "/api/v1/sync/operations", {"operations": operations})
    assert status == 200
    assert [result["status"] for result in answer["results"]] == ["added", "refused", "removed", "added"]
    refused = answer["results"][1]
    assert (refused["code"], refused["field"], refused["detail"]) == ("quota_exceeded", "content_id", FULL)
    assert {"code", "field"}.isdisjoint(answer["results"][0])


async def test_a_socket_gets_an_error_and_lives_and_the_metric_counts_by_name(
    api: aiohttp.ClientSession, daemon: DaemonProcess
) -> None:
    assert (await post(api, WATCHLIST, add(FILM)))[0] == 200
    async with connect(daemon.ws_url, additional_headers=bearer()) as device:
        for content_id in (OTHER, FILM):
            await device.send(json.dumps({"type": "watchlist_update", "id": content_id, **add(content_id)}))
        answers = [json.loads(await device.recv()) for _ in range(3)]
    (error,) = [answer for answer in answers if answer["type"] == "error"]
    assert error == {
        "type": "error", "id": OTHER, "code": "quota_exceeded", "field": "content_id", "message": FULL,
    }  # fmt: skip
    (ack,) = [answer for answer in answers if answer["type"] == "ack"]
    assert (ack["id"], ack["status"]) == (FILM, "existing")
    assert (await post(api, WATCHLIST, add(OTHER), user="bob"))[0] == 200
    async with api.get("/metrics") as response:
        counted = [line for line in (await response.text()).splitlines() if line.startswith("syncd_refusals_total")]
    assert 'syncd_refusals_total{reason="items_per_list"} 1.0' in counted


async def test_a_device_that_skips_counters_goes_on_under_a_new_name(
    start_daemon: StartDaemon, http: aiohttp.ClientSession
) -> None:
    daemon = start_daemon("--max-gaps-per-replica", "1", "--max-replicas-per-user", "2")

    async def answer_to_add(device: ClientConnection, tag: str, **more: str) -> dict[str, Any]:
        await device.send(json.dumps({"type": "watchlist_update", **add(FILM, tag=tag, **more)}))
        while True:
            answer: dict[str, Any] = json.loads(await device.recv())
            if answer["type"] in {"ack", "error"}:
                return answer

    async with connect(daemon.ws_url, additional_headers=bearer()) as device:
        assert (await answer_to_add(device, "tv:2"))["status"] == "added"
        refused = await answer_to_add(device, "tv:4", operation_id="once")
        assert (refused["code"], refused["field"]) == ("quota_exceeded", "tag")
        assert "gaps_per_replica" in refused["message"]
        assert (await answer_to_add(device, "tv2:1", operation_id="once"))["unique_tag"] == "tv2:1"
        refused = await answer_to_add(device, "movie-123")
        assert (refused["code"], refused["field"]) == ("quota_exceeded", "tag")
        assert "replicas_per_user" in refused["message"]
    async with http.get(f"{daemon.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    assert 'syncd_refusals_total{reason="gaps_per_replica"} 1.0' in lines
    assert 'syncd_refusals_total{reason="replicas_per_user"} 1.0' in lines


async def test_tags_that_gave_way_are_counted(start_daemon: StartDaemon, http: aiohttp.ClientSession) -> None:
    daemon = start_daemon("--max-tags-per-item", "1")
    for device in ("tv", "phone", "web"):
        body = {**add(FILM), "observed": 0}
        async with http.post(daemon.url + WATCHLIST, json=body, headers=bearer("ann", device)) as response:
            assert response.status == 200
            assert "code" not in await response.json()
    async with http.get(f"{daemon.url}/metrics") as response:
        assert "syncd_tags_superseded_total 2.0" in (await response.text()).splitlines()
